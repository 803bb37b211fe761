import type { Database, Reader, Store, WriteTransaction } from '../../src/index.ts';

export interface StateStores {
  left: Store<number, unknown>;
  right: Store<number, unknown>;
  sum: Store<string, unknown>;
  acks: Store<number, unknown>;
  values: Store<number, Uint8Array>;
  sizes: Store<number, unknown>;
}

export function storesOf(db: Database): StateStores;
export function prepare(db: Database): StateStores;
export function step(
  tx: WriteTransaction,
  stores: StateStores,
  id: number,
  bytes?: number,
): { n: number; own: number };
export function checkState(reader: Reader, stores: StateStores): number;
export function ownTransactions(reader: Reader, stores: StateStores, id: number): number;
