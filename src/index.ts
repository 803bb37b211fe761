/** The public names of coppice. */

export type {
  Key,
  KeyCodec,
  KeyCodecName,
  KeyTypes,
  ValueCodec,
  ValueCodecName,
  ValueTypes,
} from './codec/codec.ts';
export type {
  Database,
  Store,
  WriteOptions,
} from './database.ts';
export * from './errors.ts';
export { open } from './open.ts';
export type { OpenOptions } from './options.ts';
export type { Durability } from './pager/write-session.ts';
export type { StoreOf } from './store.ts';
export type { Blob, BlobRange } from './transaction/blob.ts';
export type { StoreInfo } from './transaction/known-stores.ts';
export type { Lazy } from './transaction/lazy.ts';
export type { LongWork } from './transaction/long-work.ts';
export type { ManualTransaction } from './transaction/manual-transaction.ts';
export type { PutOptions, RemoveOptions } from './transaction/put-options.ts';
export type { Leading, Prefix, RangeOptions } from './transaction/range.ts';
export type { Entry, Reader } from './transaction/reader.ts';
export type { Snapshot } from './transaction/snapshot.ts';
export type { DatabaseStats } from './transaction/statistics.ts';
export type { StoreRef } from './transaction/store-definition.ts';
export type { KeyOf, StoreOptions, ValueOf } from './transaction/store-options.ts';
export type { ValueView } from './transaction/value-view.ts';
export type { VerifyOptions, VerifyReport } from './transaction/verify.ts';
export type { WatchOptions } from './transaction/watch.ts';
export type { WriteTransaction } from './transaction/write-transaction.ts';
export type {
  BackupOptions,
  BackupReport,
  BackupSource,
  BackupTarget,
} from './upkeep/backup-options.ts';
export type { CompactReport } from './upkeep/compact.ts';
export type { ValueSource } from './upkeep/put-stream.ts';
export { restore } from './upkeep/restore.ts';
