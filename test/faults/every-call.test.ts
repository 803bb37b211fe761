/**
 * Every call of the operating system that opening, reading, writing and copying a database leads to
 * is failed in turn, in each way that it can fail, by a library preloaded into a process that plays
 * a scene (programs/every-call-scenes.mjs). After each case, whatever the fault was:
 *
 * - the file is in exactly one transaction, not before the last that was acknowledged, and never in
 *   one that failed; a clean process opens it, its full check passes, and it takes a commit;
 * - every error that the scene met is a CoppiceError with a code of that operation, met once: a
 *   handle that is not poisoned works on, one that is reads on and says why it does not write;
 * - a call that was interrupted, or did half of its work, is noticed by nobody;
 * - no descriptor, no temporary file and no writer lock is left; nothing hangs or dies.
 *
 * The long run fails every call of every kind; COPPICE_LONG=0.2 a part of them.
 */

import { afterAll, describe, expect, test } from 'vitest';
import { long } from '../frame/size.ts';
import { failAtLibrary, type Played, play, type ScenePlan } from '../support/every-call.ts';
import { faultRows } from '../support/every-call-plan.ts';
import { note } from '../support/process-children.ts';
import { Dice } from '../support/process-random.ts';
// @ts-expect-error: a program, without types.
import { SCENES as played } from './programs/every-call-scenes.mjs';

const SCENES: readonly string[] = Object.keys(played);
const LARGE: readonly string[] = ['two flushes', 'shrink', 'share'];
const MINUTES = 60_000 * (long ? 600 : 8);
const library = failAtLibrary();

const casesByKind = new Map<string, number>();
afterAll(() => {
  const kinds = [...casesByKind].map(([kind, count]) => `${kind} ${count}`).join(', ');
  const all = [...casesByKind.values()].reduce((sum, count) => sum + count, 0);
  if (all > 0) note(`${all} cases of a failed call: ${kinds}`);
});

const planOf = (scene: string): ScenePlan => ({
  scene,
  rows: faultRows(new Dice(scene), LARGE.includes(scene)),
});

let together: Promise<Played> | undefined;
/** The short run plays all scenes in one process, the long one each in its own. */
function playing(scene: string, preload: string): Promise<Played> {
  if (long) return play([planOf(scene)], preload);
  together ??= play(SCENES.map(planOf), preload);
  return together;
}

describe('any one call fails, and nothing is lost, left or told wrongly', () => {
  test.each(SCENES)(
    '%s',
    async (scene) => {
      if (library === undefined) return;
      const { failures, scenes } = await playing(scene, library);
      expect(failures.filter((failure) => failure.startsWith(scene))).toEqual([]);
      const found = scenes.find((each) => each.scene === scene);
      const { counts = {}, codes = {}, cases = new Map() } = found ?? {};
      // What is failed is met: the library is in the way of these calls.
      for (const kind of ['open', 'write', 'msync', 'statx', 'lookup', 'map', 'lock', 'look']) {
        expect(counts[kind], kind).toBeGreaterThan(0);
      }
      expect(Object.keys(codes).length).toBeGreaterThan(1);
      for (const [kind, count] of cases) {
        casesByKind.set(kind, (casesByKind.get(kind) ?? 0) + count);
      }
      expect(cases.size).toBeGreaterThan(5);
    },
    MINUTES,
  );

  test('and nothing else goes wrong', async () => {
    const { failures } = (await together) ?? { failures: [] };
    expect(failures).toEqual([]);
  });
});
