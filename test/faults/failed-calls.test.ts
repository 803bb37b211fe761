/**
 * What was found wrong when every call was failed in turn (every-call.test.ts), each with the
 * shortest scene that tells it: all calls of one kind, failed in one way.
 */

import { beforeAll, describe, expect, test } from 'vitest';
import { failAtLibrary, type Played, play } from '../support/every-call.ts';
import type { FaultRow } from '../support/every-call-plan.ts';

const library = failAtLibrary();

/** What has to hold, the scene in which it did not, and the fault. */
const STORIES: readonly [story: string, scene: string, kind: string, action: string][] = [
  ['an IoError tells the number of the error as the system has it', 'create', 'fallocate', 'EIO'],
  ['a signal while a lock is looked at is noticed by nobody', 'create', 'look', 'EINTR'],
  ['a signal while the filesystem is asked for is noticed by nobody', 'create', 'statfs', 'EINTR'],
  ['a signal while a piece is read is noticed by nobody', 'restore', 'read', 'EINTR'],
  ['closing tells that the file could not be cut, as an IoError', 'create', 'truncate', 'EIO'],
  ['closing tells that a meta could not be read, as an IoError', 'create', 'read', 'EIO'],
  ['a lock that could not be looked at is an IoError', 'create', 'look', 'EIO'],
  ['a reader slot that could not be locked is an IoError', 'create', 'lock', 'ENOLCK'],
  ['a commit without a thread is done, and gives the lock back', 'create', 'thread', 'EAGAIN'],
  ['a lock file that cannot take its place is closed', 'create', 'rename', 'EIO'],
  ['a target whose lock cannot be looked at is let go of', 'backup', 'look', 'EIO'],
  ['a target that cannot be locked is let go of', 'backup', 'lock', 'ENOLCK'],
  ['a disk that takes no byte of a backup is not asked for ever', 'backup', 'write', 'zero'],
  ['permissions that cannot be asked for are a typed error', 'backup', 'lookup', 'EIO'],
  ['a meta that is read in two parts is whole', 'restarted', 'read', 'half'],
  ['a growth step that finds no room is tried smaller', 'write', 'fallocate', 'ENOSPC'],
  ['what cannot be looked at can still be removed', 'backup', 'lookup', 'EACCES'],
  ['a restore that cannot be mapped leaves nothing open', 'restore', 'map', 'ENOMEM'],
];

const INVISIBLE: readonly string[] = ['EINTR', 'ENOSPC', 'half'];
/** A disk that takes nothing once is asked again; one that never does is the story. */
const FOR_EVER: readonly string[] = ['zero', 'EACCES'];

describe('when a call fails', () => {
  let played: Played | undefined;

  beforeAll(async () => {
    if (library === undefined) return;
    const scenes = [...new Set(STORIES.map(([, scene]) => scene))];
    const rowsOf = (scene: string): FaultRow[] =>
      STORIES.filter(([, of]) => of === scene).map(([, , kind, action]) => {
        const span = FOR_EVER.includes(action) ? 1e9 : 1;
        return { kind, action, span, invisible: INVISIBLE.includes(action), calls: 'all' };
      });
    played = await play(
      scenes.map((scene) => ({ scene, rows: rowsOf(scene) })),
      library,
    );
  }, 120_000);

  test.each(STORIES)('%s (%s: %s %s)', (_story, scene, kind, action) => {
    if (played === undefined) return;
    const of = `${scene}: ${kind} ${action} `;
    expect(played.failures.filter((failure) => failure.startsWith(of))).toEqual([]);
    expect(played.scenes.find((each) => each.scene === scene)?.cases.get(kind)).toBeGreaterThan(0);
  });

  test('nothing else went wrong', () => {
    expect(played?.failures ?? []).toEqual([]);
  });
});

test('the name of a new database is on the disk before anything is promised, also when the one who made it failed there', async () => {
  if (library === undefined) return;
  const flush = { kind: 'sync', action: 'EIO' };
  const plan = (first: number, span: number) => [
    { scene: 'create', rows: [{ ...flush, span, calls: [first] }] },
  ];
  // The third flush is that of the folder; the second `open` finds the file, and flushes it again.
  const once = await play(plan(3, 1), library);
  expect(once.failures).toEqual([]);
  expect(once.scenes[0]?.codes).toEqual({ CANNOT_OPEN: 1 });
  const twice = await play(plan(3, 2), library);
  expect(twice.failures).toEqual([]);
  expect(twice.scenes[0]?.codes).toEqual({ CANNOT_OPEN: 2 });
}, 60_000);
