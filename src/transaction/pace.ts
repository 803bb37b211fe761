/** Long work on the main thread, cut into pieces so short that nobody else waits for long. */

/** How long the event loop may be held at a time. */
const PIECE_MS = 4;

export class Pace {
  private readonly requireGoing: () => void;
  private readonly pieceMs: number;
  private begun = performance.now();

  /**
   * `requireGoing` throws when the work is to stop: others ran in between. `pieceMs`: how long the
   * event loop may be held at a time.
   */
  constructor(requireGoing: () => void, pieceMs: number = PIECE_MS) {
    this.requireGoing = requireGoing;
    this.pieceMs = pieceMs;
  }

  /** Whether it is time to rest. */
  get isDue(): boolean {
    return performance.now() - this.begun >= this.pieceMs;
  }

  /** Lets the event loop turn. */
  async rest(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.begun = performance.now();
    this.requireGoing();
  }

  /** After anything was awaited: throws when the work is to stop. */
  resume(): void {
    this.requireGoing();
  }

  /**
   * Rests when it is time to. What was awaited before may have been there already, as it is with a
   * stream that takes everything at once: then the event loop has not turned.
   */
  async goOn(): Promise<void> {
    if (this.isDue) await this.rest();
    else this.requireGoing();
  }
}

/**
 * As `promise`, but rejects with the signal's reason as soon as it is aborted. What `promise` leads
 * to then is nobody's business any more.
 */
export async function orAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (signal === undefined) return promise;
  let stop: () => void = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
    // Whichever of the two lost may still reject.
    promise.catch(() => {});
    aborted.catch(() => {});
  }
}
