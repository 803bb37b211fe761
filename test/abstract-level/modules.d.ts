/** What the tests use of modules that bring no types. */

declare module 'abstract-level/test/index.js' {
  import type { AbstractLevel } from 'abstract-level';
  import type { Test } from 'tape';

  /** Runs the suite twice: on databases of `factory`, and on sublevels of them. */
  function suite(options: {
    /** As tape's: registers a test. */
    test: (name: string, run: (t: Test) => unknown) => void;
    /** A new database at a place of its own. */
    factory: (options?: object) => AbstractLevel<Uint8Array>;
  }): void;

  export = suite;
}

declare module 'abstract-level/test/iterator-no-snapshot-test.js' {
  import type { AbstractLevel } from 'abstract-level';
  import type { Test } from 'tape';

  /** A part of the suite. */
  export function all(
    test: (name: string, run: (t: Test) => unknown) => void,
    options: { factory: () => AbstractLevel<Uint8Array> },
  ): void;
}

declare module 'tape' {
  /** What a test is given, and what only tape looks into. */
  export interface Test {
    readonly name: string;
  }

  /** What a stream in object mode gives. */
  export type Row =
    | { type: 'test'; name: string; skip: boolean; todo: boolean }
    | {
        type: 'assert';
        ok: boolean;
        name: string;
        operator: string;
        skip: boolean | string;
        todo: boolean | string;
        expected?: unknown;
        actual?: unknown;
        error?: Error;
      }
    | { type: 'end' };

  /** A stream of the old kind, without iteration. */
  interface Rows {
    on(event: 'data', listener: (row: Row) => void): Rows;
    on(event: 'end', listener: () => void): Rows;
  }

  interface Harness {
    (name: string, run: (t: Test) => unknown): void;
    createStream(options: { objectMode: true }): Rows;
  }

  export function createHarness(): Harness;
}
