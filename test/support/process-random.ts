/** Random numbers for tests that kill: printed seed, and a count, so that a long run can go on. */

import { seed } from '../frame/seed.ts';

export class Dice {
  private state: number;

  /** A sequence that follows from the seed of the run, the name of the test and the round. */
  constructor(name: string, round = 0) {
    let h = (seed ^ Math.imul(round + 1, 0x9e3779b1)) | 0;
    for (const char of name) h = Math.imul(h ^ char.charCodeAt(0), 0x01000193);
    this.state = h;
  }

  /** 0 <= x < 1 (mulberry32). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  /** A whole number from 0 to n - 1. */
  below(n: number): number {
    return Math.floor(this.next() * n);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }
}
