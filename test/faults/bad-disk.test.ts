/**
 * A disk that cannot be read any more in a part, or that is gone: errors with names, no step back, no
 * dead process, and a way back. Needs root and a loop device.
 */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { LoopDisk } from '../support/loop-disk.ts';
import { each, Readers } from './asking.ts';

const MIB = 2 ** 20;
const FAULT = 'STORAGE_FAULT';
/** Every eleventh of 2,000. */
const KEYS = 182;

interface Place {
  readonly disk: LoopDisk;
  readonly path: string;
  /** Starts readers that live on the disk. */
  readonly start: (threads: number) => Promise<Readers>;
}

/** A disk with a database of about 12 MiB; undefined, with a note, where there is none. */
async function place(): Promise<Place | undefined> {
  const disk = await LoopDisk.make({ bytes: 64 * MIB, make: ['-J', 'size=4', '-b', '4096'] });
  if (disk === undefined) return undefined;
  const path = join(disk.folder, 'data');
  const start = (threads: number): Promise<Readers> =>
    Readers.start(path, threads, (command, all) => disk.run(command, all));
  const maker = await start(0);
  await maker.ask('fill 12');
  await maker.lives();
  await disk.sync();
  return { disk, path, start };
}

/** From that byte on the file cannot be read from the disk any more, and is not in the cache. */
async function breakDisk({ disk, path }: Place, byte: number): Promise<void> {
  await disk.evict(path);
  await disk.endAt(disk.placeOf(path, byte));
  await disk.evict(path);
}

test('pages that cannot be read are STORAGE_FAULT twice, in every thread; others are read right', async () => {
  const here = await place();
  if (here === undefined) return;
  const before = await here.start(0);
  const [sum] = await before.ask('all');
  await before.lives();
  const readers = await here.start(2);
  // The root, and what lies before it, stays in memory.
  await readers.ask('warm');
  await breakDisk(here, 3 * 4096);
  for (let i = 0; i < 2; i++) {
    // Not the same in each thread: a read during which another thread met a fault fails too.
    for (const counts of await readers.ask('each')) {
      expect(counts).toEqual([expect.any(Number), expect.any(Number)]);
      const [right, faults] = counts as [number, number];
      expect([faults > 100, right + faults]).toEqual([true, KEYS]);
    }
    const [alone] = await readers.ask('alone');
    const [right, faults] = alone as [number, number];
    expect([right > 4, faults > 100, right + faults]).toEqual([true, true, KEYS]);
    each(await readers.ask('all'), FAULT);
    each(await readers.ask('old'), FAULT);
    each(await readers.ask('verify'), FAULT);
    each(await readers.ask('backup'), FAULT);
  }
  await here.disk.endAt(0);
  await readers.ask('all');
  each(await readers.ask('all'), sum);
  each(await readers.ask('verify'), 'sound');
  each(await readers.lives(), 'closed');
}, 60_000);

test('open does not step back from a state whose pages cannot be read', async () => {
  const here = await place();
  if (here === undefined) return;
  const { disk, path } = here;
  // The newest commit is of one flush, and nobody confirmed it.
  const writer = await here.start(0);
  await writer.ask('put');
  const [sum] = await writer.ask('all');
  await writer.kill();
  await disk.sync();
  rmSync(disk.seen(`${path}-lock`));
  // All but the three meta slots, and these too.
  for (const byte of [3 * 4096, 0]) {
    await breakDisk(here, byte);
    expect(await here.start(0).then(String, String)).toMatch(/StorageFaultError/);
    await disk.endAt(0);
  }
  const again = await here.start(0);
  expect(await again.ask('all')).toEqual([sum]);
  each(await again.ask('verify'), 'sound');
  await again.lives();
}, 60_000);

test('on a disk that is gone a flush fails and poisons, in every process; after mounting again all that was promised is there', async () => {
  const here = await place();
  if (here === undefined) return;
  const { disk } = here;
  const writer = await here.start(1);
  const reader = await here.start(1);
  const sums = await reader.ask('all');
  each(await writer.ask('put'), 'put');
  each(await writer.ask('soft'), 'put');
  await disk.cut();
  const failed = await writer.ask('flush');
  for (const answer of failed) expect(answer).toMatch(/^(IO|DATABASE_POISONED)$/);
  for (const readers of [writer, reader]) {
    each(await readers.ask('put'), 'DATABASE_POISONED');
    each(await readers.ask('flush'), 'DATABASE_POISONED');
    each(await readers.ask('compact'), 'DATABASE_POISONED');
    each(await readers.ask('each'), [KEYS, 0]);
  }
  expect(await reader.ask('old')).toEqual(sums);
  await writer.lives();
  await reader.lives();
  await disk.powerUp();
  const again = await here.start(1);
  each(await again.ask('put'), 'put');
  each(await again.ask('verify'), 'sound');
  each(await again.ask('get'), 2000);
  each(await again.lives(), 'closed');
}, 60_000);

test('closing on a disk that is gone is an error with a name, and lets go of the files', async () => {
  const here = await place();
  if (here === undefined) return;
  const readers = await here.start(1);
  each(await readers.ask('put'), 'put');
  await here.disk.cut();
  for (const answer of await readers.ask('close')) expect(answer).toMatch(/^(closed|IO)$/);
  await here.disk.powerUp();
  each(await (await here.start(0)).ask('get'), 2000);
}, 60_000);

test('on ext4 mounted read-only it is refused with a hint, and read with immutable: true, lock file or not', async () => {
  const here = await place();
  if (here === undefined) return;
  const { disk, path } = here;
  const program = fileURLToPath(new URL('programs/open-and-say.mjs', import.meta.url));
  const look = async (options: object): Promise<readonly string[]> => {
    const child = disk.run(process.execPath, [program, path, JSON.stringify(options)]);
    return (await child.ended()).lines;
  };
  for (const withLockFile of [true, false]) {
    if (!withLockFile) rmSync(disk.seen(`${path}-lock`));
    await disk.umount();
    await disk.mount('ro');
    for (const options of [{}, { readOnly: true }]) {
      const hint = 'readOnly' in options ? '.*give immutable: true' : '';
      expect((await look(options))[0]).toMatch(
        new RegExp(`^CANNOT_OPEN .*read-only \\(EROFS\\).*${hint}`),
      );
    }
    expect(await look({ readOnly: true, immutable: true })).toEqual([
      'entries 2000',
      expect.stringMatching(/^write READ_ONLY /),
    ]);
    await disk.remount('rw');
  }
  const again = await here.start(0);
  each(await again.ask('put'), 'put');
  await again.lives();
}, 60_000);
