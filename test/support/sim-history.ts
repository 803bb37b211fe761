/**
 * What the users of a simulated database know: the content of each transaction that was started, and
 * which of them a power failure may leave. Content is keyed by the transaction that wrote it, so that a
 * file can be compared with exactly one transaction.
 */

import type { Random } from './sim-random.ts';

/** A value: who wrote it, and its length. Its bytes follow from both and the key. */
export interface SimValue {
  readonly writer: number;
  readonly length: number;
}

/** Keys are 0..65535. */
export type SimState = ReadonlyMap<number, SimValue>;

/** What may be found after a power failure. */
export interface Allowed {
  /** The newest of these that was promised is the first. */
  readonly ids: readonly number[];
  readonly states: ReadonlyMap<number, SimState>;
  readonly lastStarted: number;
}

export class History {
  readonly states: Map<number, SimState>;
  /** Transactions that a power failure may lead to, ascending. The first one was promised. */
  private candidates: number[];
  lastStarted: number;
  /** The newest transaction of which anybody was told that it is published. Processes may die; it stays. */
  private resolved = 0;

  constructor(allowed: Allowed) {
    this.states = new Map(allowed.states);
    this.candidates = [...allowed.ids];
    this.lastStarted = allowed.lastStarted;
  }

  /** An empty database, made by transaction 1. */
  static empty(): History {
    return new History({ ids: [1], states: new Map([[1, new Map()]]), lastStarted: 1 });
  }

  get allowed(): Allowed {
    return {
      ids: [...this.candidates],
      states: new Map(this.states),
      lastStarted: this.lastStarted,
    };
  }

  /** The state that a new transaction builds on, which nobody may have given up. */
  stateOf(id: number): SimState {
    const state = this.states.get(id);
    if (state === undefined) throw new Error(`transaction ${id} was never started, or was undone`);
    return state;
  }

  /** A transaction began on that base: what came after the base and is not in it, is gone. */
  began(id: number, base: number): void {
    if (id <= this.lastStarted) {
      throw new Error(`id ${id} is used again; ${this.lastStarted} was started`);
    }
    this.lastStarted = id;
    if (!this.candidates.includes(base)) {
      throw new Error(`transaction ${id} begins on ${base}, not one of ${this.candidates.join()}`);
    }
    this.requireResolved(base);
    this.candidates = this.candidates.filter((candidate) => candidate <= base);
  }

  /** Its commit is asked for: from now on a power failure may leave it. */
  committing(id: number, state: SimState): void {
    this.states.set(id, state);
    this.candidates.push(id);
  }

  /** Its commit failed, and nothing was changed. */
  aborted(id: number): void {
    this.states.delete(id);
    this.candidates = this.candidates.filter((candidate) => candidate !== id);
  }

  /** It was promised to survive the death of any process. */
  published(id: number): void {
    this.resolved = Math.max(this.resolved, id);
  }
  get newestPublished(): number {
    return this.resolved;
  }

  /** It was promised to survive a power failure. */
  durable(id: number): void {
    this.published(id);
    if (this.candidates[0]! >= id) return;
    if (!this.candidates.includes(id))
      throw new Error(`transaction ${id} is durable, but was undone`);
    this.candidates = this.candidates.filter((candidate) => candidate >= id);
  }

  /** Somebody opened the database after processes died, the machine still running, and found it so. */
  foundAlive(id: number): void {
    this.requireResolved(id);
    this.found(id);
  }

  /** Somebody opened the database, after a power failure or a poisoning, and found it so. */
  found(id: number): void {
    if (!this.candidates.includes(id)) {
      throw new Error(`opened as transaction ${id}, not one of ${this.candidates.join()}`);
    }
    this.candidates = [id];
    this.resolved = id;
  }

  private requireResolved(id: number): void {
    if (id < this.resolved)
      throw new Error(`transaction ${this.resolved} was published; now it is ${id}`);
  }
}

const RAMP: Uint8Array = Uint8Array.from({ length: 2 ** 16 + 256 }, (_byte, i) => (i * 31) & 255);
/** The same bytes, which can be compared at once. */
const RAMP_BUFFER: Buffer = Buffer.from(RAMP.buffer);
/** Who wrote a value and its key stand before the ramp, in all values that are long enough. */
const HEAD_BYTES = 10;
const headBytes = new Uint8Array(HEAD_BYTES);

function headOf(key: number, { writer }: SimValue): Uint8Array {
  const view = new DataView(headBytes.buffer);
  view.setFloat64(0, writer, true);
  view.setUint16(8, key, true);
  return headBytes;
}

function shiftOf(key: number, { writer }: SimValue): number {
  return (writer * 7 + key) & 255;
}

/** The bytes of a value. */
export function valueBytes(key: number, value: SimValue): Uint8Array {
  const shift = shiftOf(key, value);
  const bytes = RAMP.slice(shift, shift + value.length);
  if (value.length >= HEAD_BYTES) bytes.set(headOf(key, value));
  return bytes;
}

/** Whether bytes[start, end) is that value. */
export function isValue(
  bytes: Uint8Array,
  start: number,
  end: number,
  key: number,
  value: SimValue,
): boolean {
  const { length } = value;
  if (end - start !== length) return false;
  const head = length < HEAD_BYTES ? 0 : HEAD_BYTES;
  const expected = headOf(key, value);
  for (let i = 0; i < head; i++) if (bytes[start + i] !== expected[i]) return false;
  const shift = shiftOf(key, value);
  return RAMP_BUFFER.compare(bytes, start + head, end, shift + head, shift + length) === 0;
}

/** Changes of one transaction: a value for a key, or undefined to remove it. */
export type Changes = ReadonlyMap<number, number | undefined>;

/** What random changes are made of. */
export interface Mix {
  readonly keys: number;
  readonly puts: number;
  readonly removes: number;
  readonly longestValue: number;
  /** Values that need an overflow run: how likely, and how long. */
  readonly overflow: number;
  readonly longestRun: number;
}

/** Random changes: lengths of values by key. */
export function randomChanges(random: Random, mix: Mix): Changes {
  const changes = new Map<number, number | undefined>();
  const puts = 1 + random.below(mix.puts);
  for (let i = 0; i < puts; i++) {
    const isLong = random.chance(mix.overflow);
    const length = isLong
      ? mix.longestValue + random.below(mix.longestRun)
      : random.below(mix.longestValue);
    changes.set(random.below(mix.keys), length);
  }
  for (let i = random.below(mix.removes + 1); i > 0; i--) {
    changes.set(random.below(mix.keys), undefined);
  }
  return changes;
}
