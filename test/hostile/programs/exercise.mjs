// What is asked of a damaged database, and what is compared.

/** Stands for the result of what threw. */
export const THREW = Symbol('threw');

const CODES = new Set(
  (
    'CANNOT_OPEN DATABASE_POISONED NOT_A_DATABASE FORMAT_VERSION CORRUPTION ' +
    'STORAGE_FAULT STORE_NOT_FOUND STORE_MISMATCH VALUE_UNREADABLE BACKUP_MISMATCH UNSUPPORTED ' +
    'READERS_FULL KEY_TOO_LARGE'
  ).split(' '),
);

/** What happened in one case: codes of errors and how often, and what must not happen. */
export class Log {
  codes = {};
  failures = [];

  /** `more`: codes that this case may end in besides. */
  constructor(CoppiceError, more = []) {
    this.CoppiceError = CoppiceError;
    this.more = more;
  }

  /** Calls fn; an error that is typed is counted, any other is a failure. */
  attempt(what, fn) {
    try {
      return fn();
    } catch (error) {
      return this.note(what, error);
    }
  }

  async attemptAsync(what, fn) {
    try {
      return await fn();
    } catch (error) {
      return this.note(what, error);
    }
  }

  note(what, error) {
    if (
      error instanceof this.CoppiceError &&
      (CODES.has(error.code) || this.more.includes(error.code))
    ) {
      this.codes[error.code] = (this.codes[error.code] ?? 0) + 1;
    } else {
      this.fail(`${what}: ${error?.code ?? ''} ${String(error?.stack ?? error)}`);
    }
    return THREW;
  }

  fail(text) {
    if (this.failures.length < 5) this.failures.push(text);
  }
}

const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

function same(a, b) {
  if (a instanceof Uint8Array) {
    return b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  }
  if (typeof a === 'object' && a !== null) return JSON.stringify(a) === JSON.stringify(b);
  return Object.is(a, b);
}

/** What each store holds, to be compared with: [keys in order, values by key]. */
export function expectedOf(state) {
  const stores = new Map();
  for (const [name, entries] of Object.entries(state.stores)) stores.set(name, new Map(entries));
  return stores;
}

/**
 * Reads all of every store, in every way. `expected` is undefined when nobody can know what is
 * there; then any value will do.
 */
export function readAll(db, base, expected, log) {
  for (const kind of base.stores) {
    const store = log.attempt('store', () =>
      db.store(kind.name, { key: kind.key, value: kind.value, create: false }),
    );
    const model = expected?.get(kind.name);
    if (store === THREW) continue;
    const keys = base.keys.get(kind.name);
    readKeys(store, keys, model, log);
    readRanges(store, model, log);
    readPlaces(store, keys, model, log);
  }
}

function readKeys(store, keys, model, log) {
  // A fourth of them: ranges read all.
  for (let i = keys.length & 3; i < keys.length; i += 4) {
    const key = keys[i];
    const found = log.attempt('get', () => store.get(key));
    if (found === THREW || model === undefined) continue;
    if (!same(found, model.get(key))) log.fail(`get ${store.name} ${key}: other value`);
  }
}

function readRanges(store, model, log) {
  const sorted = model && [...model.keys()].sort(order);
  for (const reverse of [false, true]) {
    let i = 0;
    const done = log.attempt('range', () => {
      for (const [key, value] of store.range({ reverse })) {
        if (sorted !== undefined) {
          const wanted = reverse ? sorted[sorted.length - 1 - i] : sorted[i];
          if (key !== wanted || !same(value, model.get(key))) {
            log.fail(`range ${store.name}: ${key} instead of ${wanted}`);
            return true;
          }
        }
        i++;
      }
      return false;
    });
    if (done === false && sorted !== undefined && i !== sorted.length) {
      log.fail(`range ${store.name}: ${i} entries of ${sorted.length}`);
    }
  }
  const offset = log.attempt('offset', () => [...store.keys({ offset: 7, limit: 3 })]);
  if (sorted !== undefined && offset !== THREW && !same(offset, sorted.slice(7, 10))) {
    log.fail(`offset ${store.name}: ${offset}`);
  }
  const key = sorted?.[sorted.length >> 1] ?? store.definition.keyFormat.name;
  if (sorted !== undefined && sorted.length > 0) {
    const found = log.attempt('keys', () => [...store.keys({ gt: key, limit: 20 })]);
    const from = (sorted.length >> 1) + 1;
    if (found !== THREW && !same(found, sorted.slice(from, from + 20))) {
      log.fail(`keys ${store.name} from ${key}: ${found}`);
    }
  }
}

function readPlaces(store, keys, model, log) {
  const sorted = model && [...model.keys()].sort(order);
  const count = log.attempt('count', () => store.count());
  if (sorted !== undefined && count !== THREW && count !== sorted.length) {
    log.fail(`count ${store.name}: ${count} of ${sorted.length}`);
  }
  for (let n = 0; n < 12; n++) {
    const key = keys[(n * 37) % keys.length];
    const rank = log.attempt('rank', () => store.rank(key));
    if (sorted !== undefined && rank !== THREW) {
      const wanted = sorted.filter((other) => order(other, key) < 0).length;
      if (rank !== wanted) log.fail(`rank ${store.name} ${key}: ${rank}, not ${wanted}`);
    }
    const at = log.attempt('at', () => store.at(n * 11));
    if (sorted !== undefined && at !== THREW) {
      const wanted = sorted[n * 11];
      if (at?.[0] !== wanted || (at && !same(at[1], model.get(at[0])))) {
        log.fail(`at ${store.name} ${n * 11}: ${at?.[0]}, not ${wanted}`);
      }
    }
  }
  log.attempt('at', () => store.at(-1));
  log.attempt('first', () => store.first());
  log.attempt('last', () => store.last({ offset: 3 }));
}

const bytesOf = (length, n) => new Uint8Array(length).fill(n);

/** A value of a store's kind, made of a number. */
function madeValue(kind, n, length) {
  if (kind.value === 'bytes') return bytesOf(length, n);
  if (kind.value === 'string') return 'v'.repeat(length) + n;
  return { n, text: 'w'.repeat(length) };
}

/**
 * Changes of many kinds, each in a transaction of its own, so that one that is refused leaves the
 * others. `expected` is brought up to date.
 */
export async function change(db, base, expected, variant, log) {
  const kind = base.stores[variant % base.stores.length];
  const options = { key: kind.key, value: kind.value };
  const store = log.attempt('store', () => db.store(kind.name, options));
  if (store === THREW) return;
  const keys = base.keys.get(kind.name);
  const model = expected?.get(kind.name);
  const key = (i) => keys[(variant * 13 + i * 7) % keys.length];
  const write = (what, fn, then) => {
    const done = log.attempt(what, () => db.writeSync((tx) => fn(tx)));
    if (done !== THREW && model !== undefined) then();
    return done;
  };
  const puts = (from, count, length) =>
    write(
      'put',
      (tx) => {
        for (let i = from; i < from + count; i++) tx.put(store, key(i), madeValue(kind, i, length));
      },
      () => {
        for (let i = from; i < from + count; i++) model.set(key(i), madeValue(kind, i, length));
      },
    );
  const removes = (from, count) =>
    write(
      'remove',
      (tx) => {
        for (let i = from; i < from + count; i++) tx.remove(store, key(i));
      },
      () => {
        for (let i = from; i < from + count; i++) model.delete(key(i));
      },
    );
  const steps = [
    () => puts(0, 3, 10),
    () => removes(3, 9),
    () => puts(12, 1, 3000),
    () => puts(20, 30, 25),
    () =>
      write(
        'removeRange',
        (tx) => tx.removeRange(store, { gte: key(1), limit: 25 }),
        () => {
          const gone = [...model.keys()].sort(order).filter((other) => order(other, key(1)) >= 0);
          for (const other of gone.slice(0, 25)) model.delete(other);
        },
      ),
    () => removes(40, 40),
    () =>
      write(
        'clear',
        (tx) => tx.clear(store),
        () => model.clear(),
      ),
    () =>
      write(
        'nested',
        (tx) => {
          tx.put(store, key(2), madeValue(kind, 1, 200));
          try {
            tx.nested((inner) => {
              inner.put(store, key(3), madeValue(kind, 2, 900));
              inner.remove(store, key(2));
              throw new UndoError();
            });
          } catch (error) {
            if (!(error instanceof UndoError)) throw error;
          }
        },
        () => model.set(key(2), madeValue(kind, 1, 200)),
      ),
    () => log.attemptAsync('compact', () => db.compact()),
    () =>
      write(
        'dropStore',
        (tx) => tx.dropStore(kind.name),
        () => model.clear(),
      ),
  ];
  // Some of them, from some place on.
  for (let i = 0; i < 3; i++) await steps[(variant + i * 3) % steps.length]();
}

class UndoError extends Error {}
