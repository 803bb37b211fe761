/**
 * Real power cuts: ext4 on a loop device is shut down under two writers, after random parts of what
 * they wrote have reached it. Everything that was promised is there, the state is one transaction
 * that was begun, every page is sound, and it goes on. The lock file outlives the cut in the same boot
 * of the machine, as old or as torn as it reached the disk. The long run cuts 10,000 times;
 * COPPICE_FROM=N goes on from round N.
 */

import { rmSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { cases, firstRound, long } from '../frame/size.ts';
import { note } from '../support/process-children.ts';
import { Dice } from '../support/process-random.ts';
import { PowerMachine } from './power-machine.ts';

const MIB = 2 ** 20;
const SLOW = long ? 24 * 3_600_000 : 120_000;

/** Cuts leave blocks and files of no use behind, until a check of the filesystem frees them. */
const ROUNDS_OF_A_DISK = 40;

/** How a cut of a round comes about, and what came of it. */
interface Tally {
  steppedBack: number;
  whileWriting: number;
  inRecovery: number;
  atFlush: number;
  afterKill: number;
}

const noTally = (): Tally => ({
  steppedBack: 0,
  whileWriting: 0,
  inRecovery: 0,
  atFlush: 0,
  afterKill: 0,
});

/** Lets two writers work until the power fails. */
async function writeUntilCut(machine: PowerMachine, dice: Dice, tally: Tally): Promise<void> {
  const { disk, path } = machine;
  const how = dice.next() < 0.75 ? 2 : 1;
  const kind = dice.pick(['storm', 'msync', 'msync', 'pwritev'] as const);
  const sizes = dice.pick([5000, 100_000, 100_000, 1_500_000]);
  const pause = dice.pick([0, 2, 6]);
  const first = dice.pick(['commit', 'commit', 'interval', 'manual']);
  const second = dice.pick(['commit', 'interval', 'manual', 'none']);
  const seed = dice.below(2 ** 31);
  const planned = kind !== 'storm';
  if (planned) machine.plan({ call: kind, count: 1 + dice.below(40), how, seed });
  const flushInterval = dice.pick([3, 20, 1000]);
  const upkeep = dice.next() < 0.3;
  machine.tell(0, 'write', { durability: first, flushInterval, upkeep, sizes, pause });
  if (second !== 'none') {
    machine.tell(1, 'write', { durability: second, flushInterval, upkeep: false, sizes, pause });
  }
  if (planned) {
    // A worker that is down has met the cut. Else it would take too long, and is made shorter.
    const cut = machine.workers[0].line('idle');
    const late = new Promise((resolve) => setTimeout(resolve, 150));
    await Promise.race([cut, late]);
    if (machine.wasCut()) tally.atFlush++;
    else await disk.storm(how, dice.below(5), seed, [path, `${path}-lock`]);
    await cut;
  } else {
    await disk.storm(how, 5 + dice.below(45), seed, [path, `${path}-lock`]);
    await machine.idle(0);
  }
  if (second !== 'none') await machine.idle(1);
  machine.requireNoFailure();
  tally.whileWriting++;
}

/**
 * A writer is killed, and the next opener goes on from what is in the page cache, with the lock file or
 * without: what it says it has found survives the cut that follows at once.
 */
async function killThenCut(machine: PowerMachine, dice: Dice, tally: Tally): Promise<void> {
  const { disk, path } = machine;
  const durability = dice.pick(['commit', 'interval', 'manual']);
  machine.tell(0, 'write', { durability, flushInterval: 20, sizes: 100_000, pause: 0 });
  await machine.workers[0].line('opened');
  await new Promise((resolve) => setTimeout(resolve, dice.below(30)));
  await machine.kill(0);
  if (dice.next() < 0.6) rmSync(disk.seen(`${path}-lock`), { force: true });
  const from = machine.workers[1].lines.length;
  machine.tell(1, 'recover');
  await machine.workers[1].line('recovered');
  await disk.storm(2, 0, dice.below(2 ** 31), [`${path}-lock`]);
  await machine.idle(1);
  machine.judge(1, 'recovered', from);
  tally.afterKill++;
}

/** Opens, and cuts the power while it does, or just after. */
async function openUntilCut(machine: PowerMachine, dice: Dice, tally: Tally): Promise<void> {
  const worker = dice.below(2) === 0 ? 0 : 1;
  const from = machine.workers[worker].lines.length;
  const call = dice.pick(['msync', 'msync', 'pwritev'] as const);
  machine.plan({ call, count: 1 + dice.below(3), how: 2, seed: dice.below(2 ** 31) });
  await machine.ask(worker, 'recover');
  if (!machine.wasCut()) await machine.disk.cut();
  const found = machine.judge(worker, 'recovered', from);
  if (found !== undefined && found.steppedBackFrom > 0) tally.steppedBack++;
  tally.inRecovery++;
}

/** Mounts again, in the same boot of the machine or, for all that the database can tell, in another. */
async function powerUp(machine: PowerMachine, dice: Dice, metadata: boolean): Promise<void> {
  await machine.powerUp(metadata);
  const lockFile = machine.disk.seen(`${machine.path}-lock`);
  if (dice.next() < 0.35) rmSync(lockFile, { force: true });
}

/** One round: work, cut, and now and then cuts while it recovers. Throws when something is wrong. */
async function round(machine: PowerMachine, dice: Dice, metadata: boolean, tally: Tally) {
  if (dice.next() < 0.08) await killThenCut(machine, dice, tally);
  else await writeUntilCut(machine, dice, tally);
  await powerUp(machine, dice, metadata);
  while (dice.next() < 0.25) {
    await openUntilCut(machine, dice, tally);
    await powerUp(machine, dice, metadata);
  }
  const found = await machine.check(dice.below(2) === 0 ? 0 : 1);
  if (found.steppedBackFrom > 0) tally.steppedBack++;
}

const filesystems = [
  { name: 'journal, data=ordered', make: ['-J', 'size=4', '-b', '4096'], mount: 'data=ordered' },
  {
    name: 'journal, data=writeback',
    make: ['-J', 'size=4', '-b', '4096'],
    mount: 'data=writeback',
  },
  { name: 'journal, blocks of 1 KiB', make: ['-J', 'size=4', '-b', '1024'], mount: 'data=ordered' },
  // Its metadata is torn by a cut: then nothing in the file can be relied on. So they reach the disk.
  { name: 'no journal', make: ['-O', '^has_journal', '-b', '4096'], mount: '-' },
];

describe('a power cut', () => {
  test.each(filesystems)(
    'loses nothing that was promised, and leaves exactly one transaction (ext4, $name)',
    async ({ name, make, mount }) => {
      let machine: PowerMachine | undefined;
      let transactions = 0;
      const rounds = cases(50, 2500);
      const tally = noTally();
      const start = performance.now();
      for (let at = firstRound; at < firstRound + rounds; at++) {
        if (machine === undefined || (at - firstRound) % ROUNDS_OF_A_DISK === 0) {
          transactions += machine?.promised ?? 0;
          await machine?.end();
          machine = await PowerMachine.make({ bytes: 40 * MIB, make, mount });
          if (machine === undefined) return;
        }
        try {
          await round(machine, new Dice(name, at), name === 'no journal', tally);
        } catch (error) {
          // The disk after the cut, to be looked at: COPPICE_KEEP=FILE gives FILE-ROUND.
          const kept = process.env.COPPICE_KEEP;
          if (kept !== undefined) await machine.disk.keep(`${kept}-${at}`);
          throw new Error(`round ${at}: ${String(error)}`, { cause: error });
        }
      }
      const seconds = (performance.now() - start) / 1000;
      note(
        `${name}: ${tally.whileWriting} cuts under writers, ${tally.atFlush} of them by a writer ` +
          `at a call, ${tally.afterKill} after a kill, ${tally.inRecovery} during recovery; ` +
          `${tally.steppedBack} stepped back; ` +
          `${transactions + (machine?.promised ?? 0)} transactions, ${seconds.toFixed(1)} s`,
      );
      expect(machine?.failures).toEqual([]);
    },
    SLOW,
  );

  test('is one: with flushes that do nothing, what was promised is found lost', async () => {
    const { make, mount } = filesystems[0]!;
    const machine = await PowerMachine.make({ bytes: 40 * MIB, make, mount });
    if (machine === undefined) return;
    machine.lie();
    const tally = noTally();
    const lost = async (): Promise<void> => {
      for (let at = 0; at < 12; at++) await round(machine, new Dice('lie', at), false, tally);
    };
    await expect(lost()).rejects.toThrow(/was promised|CORRUPTION/);
  });
});
