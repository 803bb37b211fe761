/** What `backup` and `restore` are given: shapes, and their checks, before anything is done. */

import {
  checkLongWork,
  FLAG,
  type LongWork,
  shown,
  WHOLE_NUMBER,
} from '../transaction/long-work.ts';

/**
 * Where a piece goes: the path of a file that is made or replaced as a whole, a Node stream, or a
 * web stream. A stream gets the bytes as fast as it takes them and is ended; after a failure it is
 * destroyed (Node) or aborted (web).
 */
export type BackupTarget = string | NodeJS.WritableStream | WritableStream<Uint8Array>;

/** Where a piece comes from: a path, or a stream of bytes of either kind, read to its end. */
export type BackupSource = string | NodeJS.ReadableStream | ReadableStream<Uint8Array>;

export interface BackupOptions extends LongWork {
  /**
   * The `transaction` of an earlier backup: makes an increment, with only what was written since.
   * Left out: a full backup.
   */
  since?: number;
  /**
   * A full backup with every store packed full and pages numbered anew: the smallest file, and a
   * database of its own, to which no increments of this one can be joined. false
   */
  compact?: boolean;
}

/** What a backup holds. */
export interface BackupReport {
  /**
   * The state that was backed up: what `since` of the next increment has to be. (A compact backup
   * goes on with ids of its own from there.)
   */
  transaction: number;
  /** As given. */
  since: number | undefined;
  /** Pages in the piece; of a full backup those of the meta slots too. */
  pages: number;
  /** The length of the piece. Of a file, free pages are holes, which take no room on the disk. */
  bytes: number;
}

/** Checks target and options of `backup`. Throws TypeError, RangeError. */
export function checkBackup(target: unknown, options: unknown): void {
  const isStream = hasMethods(target, ['write', 'end']) || hasMethods(target, ['getWriter']);
  if (!isStream) requirePath('backup', target);
  if (isStream && typeof target === 'object' && target !== null && 'locked' in target) {
    if (target.locked === true) throw new TypeError('The target of backup is a locked stream.');
  }
  if (isStream && !takesMore(target)) {
    throw new TypeError('The target of backup is a stream that has ended: it takes nothing more.');
  }
  checkLongWork('backup', options, { since: WHOLE_NUMBER, compact: FLAG });
  if (optionOf(options, 'since') !== undefined && optionOf(options, 'compact') === true) {
    throw new TypeError(
      'since goes with compact: false only: a compact backup is full, and no base for increments.',
    );
  }
}

/** Whether a stream is still to be written to: of one that has ended nothing would be told. */
export function takesMore(target: unknown): boolean {
  const has = (name: string): unknown =>
    typeof target === 'object' && target !== null ? Reflect.get(target, name) : undefined;
  return has('writableEnded') !== true && has('destroyed') !== true && has('writable') !== false;
}

/** Checks what `restore` is given. Throws TypeError, RangeError. */
export function checkRestore(pieces: unknown, target: unknown, options: unknown): void {
  if (!Array.isArray(pieces) || pieces.length === 0) {
    throw new TypeError(
      'The pieces of restore must be an array: a full backup, then its increments in order. Got ' +
        `${Array.isArray(pieces) ? 'an empty one' : shown(pieces)}.`,
    );
  }
  pieces.forEach((piece: unknown, i) => {
    if (typeof piece === 'string' && piece !== '' && !piece.includes('\0')) return;
    if (isSourceStream(piece)) return;
    throw new TypeError(`Piece ${i} of restore must be a path or a stream, got ${shown(piece)}.`);
  });
  requirePath('restore', target);
  checkLongWork('restore', options);
}

function requirePath(what: string, target: unknown): void {
  const isPath = typeof target === 'string' && target !== '' && !target.includes('\0');
  if (isPath && target !== ':memory:') return;
  const or = what === 'backup' ? ' or a stream' : '';
  throw new TypeError(`The target of ${what} must be a path${or}, got ${shown(target)}.`);
}

function optionOf(options: unknown, name: string): unknown {
  return Object.entries(options ?? {}).find(([key]) => key === name)?.[1];
}

/** Whether bytes can be read from it: a stream of Node's, or a web stream. */
export function isSourceStream(value: unknown): boolean {
  return hasMethods(value, ['on', 'read']) || hasMethods(value, ['getReader']);
}

function hasMethods(value: unknown, names: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return names.every((name) => typeof Reflect.get(value, name) === 'function');
}
