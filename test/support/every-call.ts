/** Plays scenes of test/faults/programs/every-call-scenes.mjs in which calls fail. */

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FaultRow } from './every-call-plan.ts';
import { type Child, newFolder, preloaded, program } from './process-children.ts';

/** No case takes longer, but for a hang. */
const STILL_MS = 120_000;
/** In memory where there is such a place: what is failed does not depend on the disk. */
const under = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
const faults = new URL('../faults/here', import.meta.url).href;

export interface ScenePlan {
  readonly scene: string;
  readonly rows: readonly FaultRow[];
}

export interface ScenePlayed {
  readonly scene: string;
  /** The calls of each kind when nothing fails. */
  counts: Readonly<Record<string, number>>;
  /** How often errors were told, by their code. */
  codes: Readonly<Record<string, number>>;
  /** Cases by kind. */
  readonly cases: Map<string, number>;
}

export interface Played {
  /** What was wrong, each beginning with its scene and its fault. */
  readonly failures: readonly string[];
  readonly scenes: readonly ScenePlayed[];
}

/** The library that fails calls; undefined, with a note, where it cannot be made. */
export function failAtLibrary(): string | undefined {
  return preloaded('faults/programs/fail-at.c', 'failing every call');
}

/** Plays all of it in one process of its own. */
export async function play(plan: readonly ScenePlan[], preload: string): Promise<Played> {
  const root = newFolder('every-call', under);
  const control = join(root, 'control');
  const planFile = join(root, 'plan');
  writeFileSync(control, Buffer.alloc(4096));
  writeFileSync(planFile, JSON.stringify(plan));
  const child = program(faults, 'every-call.mjs', [root, planFile], {
    COPPICE_FAIL_AT: control,
    LD_PRELOAD: [process.env.LD_PRELOAD ?? '', preload].filter((name) => name !== '').join(':'),
  });
  const current = (): string => {
    const path = join(root, 'current');
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  };
  const hung = await endOrHang(child, current);
  const { code, signal, lines, error } = await child.ended();
  const at = current();
  rmSync(root, { recursive: true });
  const failures = lines
    .filter((line) => line.startsWith('FAILED '))
    .map((line) => line.slice('FAILED '.length));
  if (hung) failures.push(`${at}: hangs`);
  else if (code !== 0) failures.push(`${at}: the process ended with ${code ?? signal}`);
  if (error !== '') failures.push(`${at}: ${error}`);
  return { failures, scenes: scenesOf(lines) };
}

function scenesOf(lines: readonly string[]): ScenePlayed[] {
  const scenes = new Map<string, ScenePlayed>();
  for (const line of lines) {
    const space = line.indexOf(' ');
    const word = line.slice(0, space);
    if (!['count', 'done', 'told'].includes(word)) continue;
    const [scene, ...values] = JSON.parse(line.slice(space + 1));
    const played = scenes.get(scene) ?? { scene, counts: {}, codes: {}, cases: new Map() };
    scenes.set(scene, played);
    if (word === 'count') played.counts = values[0];
    if (word === 'told') played.codes = values[0];
    if (word === 'done')
      played.cases.set(values[0], (played.cases.get(values[0]) ?? 0) + values[1]);
  }
  return [...scenes.values()];
}

/** Waits for the end; true when it stood at one case for too long, and was killed. */
async function endOrHang(child: Child, current: () => string): Promise<boolean> {
  let at = '';
  let since = performance.now();
  const ended = child.ended().then(() => 'ended');
  for (;;) {
    const wake = new Promise((resolve) => setTimeout(resolve, 1000).unref());
    if ((await Promise.race([ended, wake])) === 'ended') return false;
    const now = current();
    if (now !== at) since = performance.now();
    at = now;
    if (performance.now() - since < STILL_MS) continue;
    await child.kill();
    return true;
  }
}
