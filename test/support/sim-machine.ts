/**
 * One machine between two power failures: a page cache and disk, the locks that the kernel keeps, the
 * lock file, and the faults that are to come. Handles on it are RecordingStorage objects.
 */

import { type CrashPoint, type DiskImage, SimDisk } from './sim-disk.ts';

/** A call of the operating system that fails, as the addon tells it. */
export function nativeError(syscall: string, code: keyof typeof ERRNO): Error {
  return Object.assign(new Error(`${syscall}: ${code}`), { syscall, code, errno: ERRNO[code] });
}

export const ERRNO = {
  EIO: 5,
  ENOSPC: 28,
  EDQUOT: 122,
  ETIMEDOUT: 110,
  ECANCELED: 125,
} as const;

/** The process is dead. No code of the engine goes on after that but what unwinds its stack. */
export class Killed extends Error {}

/** The `nth` call (0: the next one) of that kind fails. */
export interface Fault {
  readonly kind: 'write' | 'flush' | 'grow';
  nth: number;
  readonly code: keyof typeof ERRNO;
  /** The process dies before it can say so. */
  readonly thenKill?: boolean;
  /** What fails after it. */
  readonly then?: Fault;
}

/** What is counted of a machine's work, to prove that a rule was met. */
export interface MachineCounts {
  flushes: number;
  growths: number;
  truncations: number;
  zeroed: number;
  punched: number;
  kills: number;
  aborts: number;
  poisonings: number;
  metas: number;
  confirmingMetas: number;
}

export function noCounts(): MachineCounts {
  return {
    flushes: 0,
    growths: 0,
    truncations: 0,
    zeroed: 0,
    punched: 0,
    kills: 0,
    aborts: 0,
    poisonings: 0,
    metas: 0,
    confirmingMetas: 0,
  };
}

/** A handle, as the machine knows it. */
export interface LockHolder {
  readonly dead: boolean;
}

let boots = 0;

export class SimMachine {
  readonly disk: SimDisk;
  readonly bootId: string;
  readonly counts: MachineCounts;
  readonly locks: Map<number, LockHolder> = new Map();
  readonly faults: Fault[] = [];
  /** Told before each flush takes effect, and whoever makes it. */
  beforeFlush: ((point: () => CrashPoint) => void) | undefined;
  /** The lock file. */
  shared: ArrayBuffer | undefined;
  writer: LockHolder | undefined;
  writerHolds = 0;
  readonly waiting: { readonly holder: LockHolder; readonly wake: () => void }[] = [];

  constructor(segmentBytes: number, image?: DiskImage, counts: MachineCounts = noCounts()) {
    this.disk = new SimDisk(segmentBytes, image);
    this.counts = counts;
    this.bootId = (++boots).toString(16).padStart(32, '0');
  }

  /** Whether this call is one that has to fail. */
  fault(kind: Fault['kind']): Fault | undefined {
    for (let i = 0; i < this.faults.length; i++) {
      const fault = this.faults[i]!;
      if (fault.kind !== kind || fault.nth-- > 0) continue;
      this.faults.splice(i, 1);
      if (fault.then !== undefined) this.faults.push(fault.then);
      return fault;
    }
    return undefined;
  }

  /** The writer lock, counted. */
  tryAcquireWriter(holder: LockHolder): boolean {
    if (this.writer !== undefined && this.writer !== holder) return false;
    this.writer = holder;
    this.writerHolds++;
    return true;
  }

  releaseWriter(holder: LockHolder): void {
    if (this.writer !== holder || --this.writerHolds > 0) return;
    this.writer = undefined;
    const next = this.waiting.shift();
    if (next === undefined) return;
    this.tryAcquireWriter(next.holder);
    next.wake();
    // The lock is the handle's, and counted: whatever else of that handle waits has it too.
    for (let i = 0; i < this.waiting.length; ) {
      if (this.waiting[i]!.holder !== next.holder) i++;
      else {
        this.tryAcquireWriter(next.holder);
        this.waiting.splice(i, 1)[0]!.wake();
      }
    }
  }

  /** What the kernel does when a process dies, by whatever death. */
  dropLocks(holder: LockHolder): void {
    for (const [byte, by] of this.locks) if (by === holder) this.locks.delete(byte);
    if (this.writer === holder) {
      this.writerHolds = 1;
      this.releaseWriter(holder);
    }
    for (let i = this.waiting.length - 1; i >= 0; i--) {
      if (this.waiting[i]!.holder === holder) this.waiting.splice(i, 1);
    }
  }

  /** The lock file is removed, as a user may do while nobody has the database open. */
  removeLockFile(): void {
    this.shared = undefined;
  }
}
