// fairness.mjs PATH SECONDS HOLD_MS: after the line 'go', takes the writer lock again and again, and
// holds it for HOLD_MS; then one line of JSON with every wait for it: when it began and how long it
// was, how many transactions of others went before, and how long this process stood in the queue of
// a processor since the wait before. Times in ms of the clock that all processes share.
import { openSync, readdirSync, readSync } from 'node:fs';
import { commands, fail, open, parameters, say } from './program.mjs';

const [path, seconds, holdMs] = parameters;
const hold = Number(holdMs);
const WARM_UP_MS = 300;

const now = () => Number(process.hrtime.bigint()) / 1e6;

/**
 * How long this thread, and the one that waits for the lock in its stead, stood in the queue of a
 * processor: the second number of schedstat, in ns. undefined where the kernel does not count.
 */
class RunDelay {
  #files = [];
  #text = Buffer.alloc(128);

  constructor() {
    try {
      for (const thread of readdirSync('/proc/self/task')) {
        this.#files.push({ file: openSync(`/proc/self/task/${thread}/schedstat`), last: 0 });
      }
      for (const thread of this.#files) thread.last = this.#ran(thread);
    } catch {
      this.#files = [];
    }
  }

  /** From now on only the threads that have run since the last call. */
  keepBusy() {
    this.#files = this.#files.filter((thread) => this.#ran(thread) > thread.last);
  }

  /** In ms. */
  sum() {
    if (this.#files.length === 0) return undefined;
    let sum = 0;
    for (const { file } of this.#files) sum += Number(this.#read(file)[1]);
    return sum / 1e6;
  }

  #ran({ file }) {
    return Number(this.#read(file)[2]);
  }

  #read(file) {
    const size = readSync(file, this.#text, 0, this.#text.length, 0);
    return this.#text.latin1Slice(0, size).split(' ');
  }
}

try {
  const db = open(path, { lockTimeout: 60_000, durability: 'manual' });
  const turns = db.store('turns', { key: 'u32', value: 'json' });
  say('ready');
  for await (const line of commands()) if (line === 'go') break;

  const once = () => {
    const seen = turns.get(0) ?? 0;
    const asked = now();
    return db.writeSync((tx) => {
      const begun = now();
      const others = (tx.get(turns, 0) ?? 0) - seen;
      tx.put(turns, 0, seen + others + 1);
      while (now() - begun < hold);
      return { asked, wait: begun - asked, others };
    });
  };
  let count = 0;
  const repeat = (ms, each) => {
    for (const end = now() + ms; now() < end; count++) each(once());
  };

  // The thread that waits is there after the first wait, and busy from then on.
  repeat(WARM_UP_MS, () => {});
  const delay = new RunDelay();
  repeat(WARM_UP_MS, () => {});
  delay.keepBusy();
  const waits = [];
  let before = delay.sum();
  repeat(Number(seconds) * 1000, (wait) => {
    const after = delay.sum();
    waits.push({ ...wait, delay: (after ?? 0) - (before ?? 0), done: now() });
    before = after;
  });
  say('result', JSON.stringify({ count, counted: before !== undefined, waits }));
  process.exit(0);
} catch (error) {
  fail(error);
}
