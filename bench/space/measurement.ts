/** A measurement of space: what the file, a commit or a deletion takes. Counts, hardly any times. */

/** Where and how much is measured. */
export interface Place {
  /** An empty folder of its own, removed afterwards. */
  readonly folder: string;
  readonly rows: number;
  readonly quick: boolean;
}

export interface Figure {
  readonly what: string;
  readonly value: string;
  /** What has to hold, and whether it does; absent for what is only told. */
  readonly goal?: string;
  readonly met?: boolean;
}

export interface Outcome {
  readonly figures: readonly Figure[];
  /** How it was counted, and what was left out. */
  readonly notes: readonly string[];
  /** All that was counted, for the JSON. */
  readonly data: unknown;
}

export interface Measurement {
  readonly name: string;
  /** One line above the table. */
  readonly title: string;
  readonly rows: { readonly quick: number; readonly full: number };
  run(place: Place): Promise<Outcome>;
}

/**
 * What one child process does, by name: takes and returns what JSON can hold. It throws when what it
 * reads back is not what was put.
 */
export interface Part<Input, Output> {
  readonly name: string;
  run(input: Input): Promise<Output>;
}

export function figure(what: string, value: string, goal?: string, met?: boolean): Figure {
  if (goal === undefined || met === undefined) return { what, value };
  return { what, value, goal, met };
}

export function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
