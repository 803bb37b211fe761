/**
 * A job: the I/O of one commit (or flush, or recovery) as a short program, so that the commit
 * thread runs it without JavaScript and the power-loss simulator runs the very same one.
 *
 * Grammar of `steps` (each a row of numbers; all file offsets and lengths in bytes):
 *
 *     job     = { step } { ON_ABORT | ON_POISON | FINALLY  { step } }   each section at most once
 *     step    = WRITE_PAGES pageBytes secretLow secretHigh n { buffer start length fileOffset }
 *             | WRITE n { buffer start length fileOffset }
 *             | ZERO fileOffset length    writes zeros
 *             | PUNCH fileOffset length   makes a hole, which reads as zeros, where the system can
 *             | FLUSH                     msync over the mapping: all of the above is on the disk
 *             | STORE word value          atomic store of an i32 into the shared words
 *             | STORE_ERRNO word          atomic store of the errno of the step that failed
 *             | WAKE word waits woken     wakes who waits for that word to change, in any process
 *             | NOTIFY                    tell `written`
 *             | RELEASE                   give the writer lock back once
 *             | GUARD word value          unless words[word] == value: stop, ECANCELED, an abort
 *
 * `buffer` is an index into the job's buffers. Pieces whose file offsets follow each other go out
 * in one pwritev. WRITE_PAGES first sets the checksum of each page: bytes [0, 8) of a page become
 * XXH3-64 of its bytes [8, pageBytes), seeded with secret + page number (64-bit wrapping sum),
 * where the page number is fileOffset / pageBytes.
 *
 * When a step fails, the rest of the main section is skipped.
 * - ENOSPC, EDQUOT or EFBIG from a write, any failure of a PUNCH, and ECANCELED from a GUARD: the
 *   steps of ON_ABORT are run. Nothing that is in use was changed.
 * - Anything else: the steps of ON_POISON are run (rule 5).
 * A step that fails ends its section. In ON_ABORT (a GUARD apart): ON_POISON is run after it, and
 * that failure is the one told.
 * The steps of FINALLY are run in every case, last. Failures of STORE, WAKE, NOTIFY and RELEASE do
 * not exist.
 *
 * WAKE makes a system call only when words[waits] != words[woken], and makes them equal then. The
 * STORE into `word` comes before it. See NativeSharedWords.wait, the other side of it.
 */

export const OP = {
  WRITE_PAGES: 1,
  WRITE: 2,
  ZERO: 3,
  FLUSH: 4,
  STORE: 5,
  NOTIFY: 6,
  RELEASE: 7,
  GUARD: 8,
  STORE_ERRNO: 9,
  PUNCH: 10,
  WAKE: 11,
  ON_ABORT: 16,
  ON_POISON: 17,
  FINALLY: 18,
} as const;

/** Builds a job step by step. The order of the calls is the order of the steps. */
export class Job {
  readonly steps: number[] = [];
  readonly buffers: Uint8Array[] = [];
  private countAt = 0;

  /** Begins a WRITE_PAGES; `piece` adds to it. */
  writePages(pageBytes: number, secretLow: number, secretHigh: number): this {
    this.steps.push(OP.WRITE_PAGES, pageBytes, secretLow >>> 0, secretHigh >>> 0, 0);
    this.countAt = this.steps.length - 1;
    return this;
  }

  /** Begins a WRITE; `piece` adds to it. */
  write(): this {
    this.steps.push(OP.WRITE, 0);
    this.countAt = this.steps.length - 1;
    return this;
  }

  /**
   * bytes[start, start + length) go to `fileOffset`, as part of the write begun last. What follows
   * the piece before it, both in memory and in the file, makes that one longer.
   */
  piece(bytes: Uint8Array, start: number, length: number, fileOffset: number): this {
    let buffer = this.buffers.lastIndexOf(bytes);
    if (buffer < 0) buffer = this.buffers.push(bytes) - 1;
    const { steps, countAt } = this;
    const last = steps.length - 4;
    if (
      steps[countAt]! > 0 &&
      steps[last] === buffer &&
      steps[last + 1]! + steps[last + 2]! === start &&
      steps[last + 3]! + steps[last + 2]! === fileOffset
    ) {
      steps[last + 2]! += length;
    } else {
      steps.push(buffer, start, length, fileOffset);
      steps[countAt]!++;
    }
    return this;
  }

  zero(fileOffset: number, length: number): this {
    this.steps.push(OP.ZERO, fileOffset, length);
    return this;
  }

  /** Inside the file, in whole blocks of the filesystem as far as it reaches. */
  punch(fileOffset: number, length: number): this {
    this.steps.push(OP.PUNCH, fileOffset, length);
    return this;
  }

  flush(): this {
    this.steps.push(OP.FLUSH);
    return this;
  }

  store(word: number, value: number): this {
    this.steps.push(OP.STORE, word, value);
    return this;
  }

  /** In the sections for failures: stores the errno of the failure. */
  storeErrno(word: number): this {
    this.steps.push(OP.STORE_ERRNO, word);
    return this;
  }

  /** Those who wait for `word` to change are told: NativeSharedWords.wait. */
  wake(word: number, waits: number, woken: number): this {
    this.steps.push(OP.WAKE, word, waits, woken);
    return this;
  }

  /** Forgets all steps. */
  clear(): this {
    this.steps.length = 0;
    this.buffers.length = 0;
    return this;
  }

  notify(): this {
    this.steps.push(OP.NOTIFY);
    return this;
  }

  release(): this {
    this.steps.push(OP.RELEASE);
    return this;
  }

  guard(word: number, value: number): this {
    this.steps.push(OP.GUARD, word, value);
    return this;
  }

  onAbort(): this {
    this.steps.push(OP.ON_ABORT);
    return this;
  }

  onPoison(): this {
    this.steps.push(OP.ON_POISON);
    return this;
  }

  finally(): this {
    this.steps.push(OP.FINALLY);
    return this;
  }
}
