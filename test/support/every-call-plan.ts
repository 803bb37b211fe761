/** Which calls test/faults/every-call.test.ts fails, and how. */

import { cases, long } from '../frame/size.ts';
import type { Dice } from './process-random.ts';

/** One way to fail one kind of call: see test/faults/programs/fail-at.mjs. */
export interface FaultRow {
  readonly kind?: string;
  /** An errno by its name, or `half`, `one` and `zero`: how many bytes of a write or read are done. */
  readonly action?: string;
  /** Nobody may notice it. */
  readonly invisible?: boolean;
  /** How many calls fail from the first on. */
  readonly span?: number;
  /** A kind of call that always fails so. */
  readonly standing?: { readonly kind: string; readonly action: string };
  readonly calls: 'all' | readonly number[];
}

/** By kind: what a call of it may come to. With a star: what nobody may notice. */
const ACTIONS: Readonly<Record<string, string>> = {
  open: 'EIO EMFILE EACCES EINTR*',
  // Linux lets go of the descriptor all the same.
  close: 'EIO EINTR*',
  read: 'EIO EINTR* half* one*',
  write: 'EIO ENOSPC EDQUOT EAGAIN zero EINTR* half* one*',
  msync: 'EIO ENOSPC ENOMEM EINTR*',
  sync: 'EIO ENOSPC EINTR*',
  fallocate: 'EIO ENOSPC EDQUOT EINTR* EOPNOTSUPP*',
  truncate: 'EIO ENOSPC EINTR*',
  stat: 'EIO ENOMEM',
  // The addon asks in another way then.
  statx: 'EIO* ENOMEM* ENOSYS*',
  lookup: 'EIO ENOMEM EACCES',
  statfs: 'EIO EINTR*',
  map: 'ENOMEM EAGAIN',
  reserve: 'ENOMEM EIO',
  lock: 'ENOLCK EIO EINTR*',
  wait: 'ENOLCK EIO EINTR*',
  unlock: 'ENOLCK EINTR*',
  look: 'EIO EINTR*',
  rename: 'EIO ENOSPC',
  renameat2: 'EIO ENOSPC ENOSYS*',
  chmod: 'EIO EPERM*',
  thread: 'EAGAIN',
  memfd: 'ENOMEM EMFILE',
};

/** A disk that dies, or is full, and stays so. */
const FOR_EVER =
  'read:EIO write:EIO write:ENOSPC write:zero msync:EIO sync:EIO map:ENOMEM lookup:EIO lock:EIO';

/** What old kernels and some filesystems do not have, and what may fail in its place. */
const WITHOUT = [
  { kind: 'statx', action: 'ENOSYS', instead: 'stat:EIO' },
  { kind: 'fallocate', action: 'EOPNOTSUPP', instead: 'truncate:EIO write:ENOSPC' },
  { kind: 'renameat2', action: 'ENOSYS', instead: 'link:EIO unlink:EIO' },
] as const;

/** These say most about a scene that takes long; the short run leaves the others to the rest. */
const OF_LARGE_SCENES = ['write', 'msync', 'fallocate', 'truncate', 'map', 'wait', 'thread'];

/**
 * The rows for a scene. A long run fails all calls, or asked for a share of it about so many; the
 * short one for each kind the first, and one by the dice in each way.
 */
export function faultRows(dice: Dice, isLarge: boolean): FaultRow[] {
  const share = cases(0, 100) / 100;
  const calls = (first: boolean): FaultRow['calls'] => {
    if (share === 1) return 'all';
    if (long) return Array.from({ length: Math.ceil(share * 100) }, () => dice.next());
    return first && !isLarge ? [0, dice.next()] : [dice.next()];
  };
  const rows: FaultRow[] = [];
  for (const [kind, actions] of Object.entries(ACTIONS)) {
    if (!long && isLarge && !OF_LARGE_SCENES.includes(kind)) continue;
    for (const [i, named] of actions.split(' ').entries()) {
      const invisible = named.endsWith('*');
      rows.push({ kind, action: named.replace('*', ''), invisible, calls: calls(i === 0) });
    }
  }
  for (const [kind, action] of pairs(FOR_EVER)) {
    rows.push({ kind, action, span: 1e9, calls: calls(false) });
  }
  for (const { kind, action, instead } of WITHOUT) {
    const standing = { kind, action };
    rows.push({ standing, invisible: true, calls: 'all' });
    for (const [other, how] of pairs(instead)) {
      rows.push({ kind: other, action: how, standing, calls: calls(false) });
    }
  }
  return rows;
}

function pairs(text: string): [kind: string, action: string][] {
  return text.split(' ').map((pair) => {
    const [kind = '', action = ''] = pair.split(':');
    return [kind, action];
  });
}
