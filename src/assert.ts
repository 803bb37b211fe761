/** A broken invariant of the engine itself: never the user's fault, always a bug report. */
export class AssertionError extends Error {
  constructor(message: string) {
    super(`coppice: broken invariant: ${message}. Please report this.`);
    this.name = 'AssertionError';
  }
}

/** Throws unless `condition` holds. `message` says which invariant was broken. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}
