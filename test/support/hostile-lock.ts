/** Lock files that are damaged, foreign, or of the right identity and false in the rest. */

import { entryAt, lockFileBytes, slotAt, WORD } from '../../src/format/lock-file.ts';
import type { Base } from './hostile-bases.ts';
import type { Verify } from './hostile-cases.ts';
import { boundary } from './hostile-damage.ts';
import { Dice } from './process-random.ts';

/** Reader slots of the lock files that are damaged. */
const SLOTS = 8;

type Op = readonly [kind: 'set' | 'flip', at: number, value: number];

export interface LockCase {
  readonly id: number;
  readonly base: number;
  readonly verify: Verify;
  readonly use: 'readOnly' | 'write';
  readonly lock: {
    readonly ops: readonly Op[];
    readonly lengthBytes: number | undefined;
    /** Stands for the whole file. */
    readonly junk: Uint8Array | undefined;
    /** It is damaged while a handle has it open. */
    readonly whileOpen: boolean;
  };
}

/** Words that say something of snapshots, flushes or ids; identity and holders apart. */
const STATE: readonly number[] = [
  WORD.published,
  WORD.publishedEntry,
  WORD.commits,
  WORD.durable,
  WORD.commitInProgress,
  WORD.poisoned,
  WORD.poisonErrno,
  WORD.lastIdStarted,
  WORD.lastIdStarted + 1,
  WORD.idsReservedUntil,
  WORD.idsReservedUntil + 1,
  WORD.writtenUntil,
  WORD.slotsUsed,
  WORD.sweep,
  WORD.entriesUsed,
  WORD.rolledBackTo,
  WORD.rolledBackFrom + 1,
];

export function makeLockCase(bases: readonly Base[], id: number): LockCase {
  const dice = new Dice('lock', id);
  const whileOpen = dice.below(3) === 0;
  const ops: Op[] = [];
  let junk: Uint8Array | undefined;
  let lengthBytes: number | undefined;
  const kind = dice.below(10);
  if (kind === 0) {
    junk = Uint8Array.from({ length: dice.below(6000) }, () => dice.below(256));
  } else if (kind === 1) {
    lengthBytes = dice.pick([0, 4, 64, 512, lockFileBytes(SLOTS) - 4, lockFileBytes(SLOTS) + 64]);
  } else if (kind === 2) {
    ops.push(['set', dice.below(18), boundary(dice, 32) | 0]);
  } else {
    for (let n = 1 + dice.below(3); n > 0; n--) ops.push(stateOp(dice));
  }
  return {
    id,
    base: dice.below(bases.length),
    verify: dice.pick<Verify>(['first-read', 'always', 'structure']),
    use: dice.below(4) === 0 ? 'readOnly' : 'write',
    lock: { ops, junk, lengthBytes, whileOpen },
  };
}

/** One word behind the identity. */
function stateOp(dice: Dice): Op {
  const value = (): number => boundary(dice, 32) | 0;
  const kind = dice.below(6);
  if (kind < 2) return ['set', dice.pick(STATE), dice.below(3) === 0 ? dice.below(8) : value()];
  if (kind < 5) return ['set', entryAt(dice.below(8)) + dice.below(12), value()];
  if (dice.below(2) === 0)
    return ['set', slotAt(SLOTS, dice.below(SLOTS)) + dice.below(6), value()];
  return ['flip', 4 * 32 + dice.below(lockFileBytes(SLOTS) - 4 * 32), 1 << dice.below(8)];
}
