/**
 * What the Storages of the simulator and of the interleavings have in common: one whole file that nobody
 * moves, no faults of a mapping, and checksums as the addon makes them.
 */

import { type FileStatus, type NativeView, native } from '../../src/pager/native.ts';

export abstract class ImaginedStorage {
  readonly writable = true;
  private readonly noFaults = new Int32Array(2);

  abstract sizeBytes(): number;

  status(): FileStatus {
    const sizeBytes = this.sizeBytes();
    return {
      device: '1',
      inode: '1',
      kind: 'file',
      sizeBytes,
      allocatedBytes: sizeBytes,
      links: 1,
      filesystem: 0,
    };
  }
  links(): number {
    return 1;
  }
  isInPlace(): boolean {
    return true;
  }
  sharedIsWhole(): boolean {
    return true;
  }
  /** Nobody waits for commits in these worlds. */
  awaitWord(_word: number, _waits: number, _seen: number, _done: () => void): void {}
  keepAlive(_on: boolean): void {}
  faultWords(): Int32Array {
    return this.noFaults;
  }
  remapFaults(): number {
    return 0;
  }
  resident(_fileOffset: number, _lengthBytes: number): number {
    return 0;
  }
  willNeed(_fileOffset: number, _lengthBytes: number): void {}
  async load(_ranges: readonly number[]): Promise<void> {}
  view(_fileOffset: number, _lengthBytes: number, _released: () => void): NativeView {
    throw new Error('nothing is mapped here');
  }
  hash(
    bytes: Uint8Array,
    start: number,
    end: number,
    seedLow: number,
    seedHigh: number,
    target: Uint8Array,
    at: number,
  ): void {
    native().hash(bytes, start, end, seedLow >>> 0, seedHigh >>> 0, target, at);
  }
  pageIsIntact(
    bytes: Uint8Array,
    start: number,
    pageBytes: number,
    page: number,
    secretLow: number,
    secretHigh: number,
  ): boolean {
    return native().pageIsIntact(bytes, start, pageBytes, page, secretLow >>> 0, secretHigh >>> 0);
  }
  identity(): { pid: number; thread: number; startedAt: number } {
    return { pid: 1, thread: 1, startedAt: 1 };
  }
}
