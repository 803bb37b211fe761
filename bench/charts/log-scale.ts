/** Ticks and places on a logarithmic scale: 1, 2, 5, 10, 20 ... */

export interface Tick {
  readonly value: number;
  /** Whether its number stands beside it. */
  readonly named: boolean;
}

/** The value's part of the way from `low` to `high`: 0 .. 1. */
export function shareOf(value: number, low: number, high: number): number {
  return Math.log(value / low) / Math.log(high / low);
}

/** The tick at or below. */
export function floorTick(value: number): number {
  const decade = decadeOf(value);
  return ([5, 2].find((times) => times * decade <= value) ?? 1) * decade;
}

/** The tick at or above. */
export function ceilTick(value: number): number {
  const decade = decadeOf(value);
  return ([1, 2, 5].find((times) => times * decade >= value) ?? 10) * decade;
}

/**
 * Every multiple of a power of ten from `low` to `high`; the powers and both ends are named, and 2
 * and 5 times the powers where there are few.
 */
export function ticksOf(low: number, high: number): Tick[] {
  const ticks: Tick[] = [];
  const isShort = high / low <= 100;
  // Counted, not multiplied on: 0.1 * 10 * 10 is not quite 10.
  const first = Math.floor(Math.log10(low));
  for (let power = first; 10 ** power <= high; power++) {
    for (let times = 1; times < 10; times++) {
      const value = Number(`${times}e${power}`);
      if (value < low || value > high) continue;
      const isRound = times === 1 || (isShort && (times === 2 || times === 5));
      ticks.push({ value, named: isRound || value === low || value === high });
    }
  }
  return ticks;
}

function decadeOf(value: number): number {
  return Number(`1e${Math.floor(Math.log10(value))}`);
}
