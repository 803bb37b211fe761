/** What each row of a store must hold: its value says which transaction put it. */

import { KEY_BYTES, keyOf, VALUE_BYTES, valueBytes } from '../data.ts';

export const ROW_BYTES: number = KEY_BYTES + VALUE_BYTES;

export class RowModel {
  /** The transaction that put the row last, by row. */
  private readonly last: Uint32Array;

  /** All rows put by transaction 0. */
  constructor(rows: number | RowModel) {
    this.last = typeof rows === 'number' ? new Uint32Array(rows) : rows.last.slice();
  }

  /** All rows put by transaction 0 again. */
  reset(): void {
    this.last.fill(0);
  }

  wrote(rows: readonly number[], transaction: number): void {
    for (const row of rows) this.last[row] = transaction;
  }

  /** Reads all rows; throws at the first one that is not what was put last. */
  check(get: (key: string) => Uint8Array | undefined): void {
    this.last.forEach((transaction, row) => {
      const found = get(keyOf(row));
      if (found !== undefined && Buffer.compare(found, stampedValue(transaction)) === 0) return;
      const holds =
        found === undefined ? 'is missing' : `holds ${Buffer.from(found).toString('hex')}`;
      throw new Error(`row ${row}, put by transaction ${transaction}, ${holds}`);
    });
  }
}

const plain: Uint8Array = valueBytes();

/** The value of all rows that a transaction puts. */
export function stampedValue(transaction: number): Uint8Array {
  const value = plain.slice();
  new DataView(value.buffer).setUint32(0, transaction);
  return value;
}
