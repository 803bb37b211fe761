/** A broken invariant of the engine itself: never the user's fault, always a bug report. */
export class AssertionError extends Error {
  constructor(message: string) {
    super(`coppice: broken invariant: ${message}. Please report this.`);
    this.name = 'AssertionError';
  }
}

/**
 * Throws unless `condition` holds. `message` says which invariant was broken, `about` of which page
 * or the like: by itself, so that no text is put together for what holds.
 */
export function assert(condition: boolean, message: string, about?: number): asserts condition {
  if (!condition) throw new AssertionError(about === undefined ? message : `${message}: ${about}`);
}
