/**
 * Many who wait for one AbortSignal, with one listener: Node warns on stderr of a signal that has
 * more than ten.
 */

interface Waiting {
  readonly calls: Set<() => void>;
  readonly listener: () => void;
}

const bySignal = new WeakMap<AbortSignal, Waiting>();

/** `call` is made once when the signal aborts, unless `offAbort` was called before. */
export function onAbort(signal: AbortSignal, call: () => void): void {
  let waiting = bySignal.get(signal);
  if (waiting === undefined) {
    const calls = new Set<() => void>();
    const listener = (): void => {
      for (const made of [...calls]) if (calls.delete(made)) made();
    };
    waiting = { calls, listener };
    bySignal.set(signal, waiting);
  }
  if (waiting.calls.size === 0) signal.addEventListener('abort', waiting.listener);
  waiting.calls.add(call);
}

export function offAbort(signal: AbortSignal, call: () => void): void {
  const waiting = bySignal.get(signal);
  if (waiting === undefined || !waiting.calls.delete(call)) return;
  if (waiting.calls.size === 0) signal.removeEventListener('abort', waiting.listener);
}
