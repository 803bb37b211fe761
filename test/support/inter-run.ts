/**
 * Running explorations: with Atomics and the pages of the pager stepped, the clock and the dice standing
 * still, and for a mutation with its change made; all of it is taken back after each.
 */

import { vi } from 'vitest';
import { beginning } from './inter-begin.ts';
import { type Explored, Interleavings, type Scenario } from './inter-explorer.ts';
import type { Mutate } from './inter-mutants.ts';
import { steppedAtomics } from './inter-operations.ts';
import { stepPages } from './inter-storage.ts';
import type { Random } from './sim-random.ts';

const NOW: number = Date.UTC(2026, 0, 1);

/** How much is explored: random interleavings, then all as far as so many states. */
export interface Size {
  readonly states: number;
  readonly walks: number;
  readonly random: Random;
}

export interface Run extends Explored {
  readonly cpuSeconds: number;
}

/** Explores a scenario; `mutate` changes the code for as long. */
export function explore(scenario: Scenario, size: Size, mutate?: Mutate): Run {
  // No mocks of vitest's: those remember every call.
  const { now } = Date;
  const { random } = Math;
  Date.now = () => NOW;
  Math.random = () => 0;
  const before = process.cpuUsage();
  const first = beginning(scenario.before);
  const undo = [stepPages(), mutate?.()];
  vi.stubGlobal('Atomics', steppedAtomics);
  try {
    const interleavings = new Interleavings(scenario, first);
    const walked = interleavings.walk(size.walks, size.random);
    const explored =
      size.states === 0 || walked.broken !== undefined
        ? walked
        : interleavings.explore(size.states);
    const { user, system } = process.cpuUsage(before);
    return { ...explored, cpuSeconds: (user + system) / 1e6 };
  } finally {
    vi.unstubAllGlobals();
    Date.now = now;
    Math.random = random;
    for (const back of undo.reverse()) back?.();
  }
}
