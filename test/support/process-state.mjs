/**
 * A state whose every transaction can be told from a torn one, for programs of several processes.
 *
 * After transaction n (n = 0: as `prepare` leaves it):
 * - every key of `left` and of `right` holds n, and `sum` holds their sum;
 * - `acks` holds, for each writer, how many of the transactions are its own: they add up to n;
 * - `values` holds under k, for each k below VALUES, what the newest transaction m <= n with
 *   m % VALUES == k wrote: bytes that all follow from m, of a length that `sizes` names.
 */

const LEFT = 24;
const RIGHT = 8;
const VALUES = 6;

/** The stores, from an open database. */
export function storesOf(db) {
  return {
    left: db.store('left', { key: 'u32', value: 'json' }),
    right: db.store('right', { key: 'u32', value: 'json' }),
    sum: db.store('sum', { key: 'string', value: 'json' }),
    acks: db.store('acks', { key: 'u32', value: 'json' }),
    values: db.store('values', { key: 'u32', value: 'bytes' }),
    sizes: db.store('sizes', { key: 'u32', value: 'json' }),
  };
}

/** Transaction 0. */
export function prepare(db) {
  const stores = storesOf(db);
  db.writeSync((tx) => {
    for (let k = 0; k < LEFT; k++) tx.put(stores.left, k, 0);
    for (let k = 0; k < RIGHT; k++) tx.put(stores.right, k, 0);
    tx.put(stores.sum, 'sum', 0);
  });
  return stores;
}

/** One transaction of writer `id`; `bytes` is the length of the value that it writes. */
export function step(tx, stores, id, bytes = 500) {
  const n = (tx.get(stores.sum, 'sum') ?? 0) / (LEFT + RIGHT) + 1;
  const own = (tx.get(stores.acks, id) ?? 0) + 1;
  for (let k = 0; k < LEFT; k++) tx.put(stores.left, k, n);
  for (let k = 0; k < RIGHT; k++) tx.put(stores.right, k, n);
  tx.put(stores.sum, 'sum', n * (LEFT + RIGHT));
  tx.put(stores.acks, id, own);
  tx.put(stores.values, n % VALUES, valueBytes(n, bytes));
  tx.put(stores.sizes, n % VALUES, { n, bytes });
  return { n, own };
}

/** The transaction whose state this is, or a throw that says what belongs to another one. */
export function checkState(reader, stores) {
  const n = reader.get(stores.left, 0);
  const same = (name, value, wanted) => {
    if (value !== wanted)
      throw new Error(`in transaction ${n}: ${name} is ${value}, not ${wanted}`);
  };
  let seen = 0;
  for (const [k, value] of reader.range(stores.left)) same(`left ${k}`, value, n, seen++);
  same('entries of left', seen, LEFT);
  for (let k = 0; k < RIGHT; k++) same(`right ${k}`, reader.get(stores.right, k), n);
  same('sum', reader.get(stores.sum, 'sum'), n * (LEFT + RIGHT));
  let acks = 0;
  for (const own of reader.values(stores.acks)) acks += own;
  same('the sum of all acks', acks, n);
  for (let m = Math.max(1, n - VALUES + 1); m <= n; m++) {
    const size = reader.get(stores.sizes, m % VALUES);
    same(`size ${m % VALUES}`, size?.n, m);
    const value = reader.get(stores.values, m % VALUES);
    same(`value ${m % VALUES}`, Buffer.compare(value, valueBytes(m, size.bytes)), 0);
  }
  return n;
}

/** How many transactions of writer `id` there are. */
export function ownTransactions(reader, stores, id) {
  return reader.get(stores.acks, id) ?? 0;
}

function valueBytes(n, bytes) {
  const value = Buffer.alloc(bytes, n & 0xff);
  if (bytes >= 4) value.writeUInt32LE(n, 0);
  return value;
}
