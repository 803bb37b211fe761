/** Objects of ten fields as MessagePack, whose field names are kept once for all of them. */

import { keyOf, randomRows } from '../data.ts';
import { requireSeen, startClock, type Workload } from './workload.ts';

export const objects: Workload = {
  name: 'objects',
  title: 'get of an object of 10 fields, shared structures',
  durability: 'reads',
  task: 'objects',
  clock: 'cpu',
  roundsFactor: 1,
  warmUp: 1,
  freshProcess: false,
  starts: 'empty',
  quick: false,
  peers: true,
  async prepare({ contender, folder, scale }) {
    const session = contender.openObjects?.(folder);
    if (session === undefined) throw new Error(`${contender.name} has no objects`);
    await session.fill(entries(scale.rows));
    const rows = randomRows(scale.gets, scale.rows, 1);
    const keys = rows.map(keyOf);
    const expected = rows.reduce((sum, row) => sum + row + row / 2, 0);
    return {
      async round() {
        const elapsed = startClock();
        let seen = 0;
        for (const key of keys) {
          const value = session.get(key);
          if (isCustomer(value)) seen += value.id + value.balance;
        }
        const times = elapsed();
        requireSeen(seen, expected);
        return { operations: keys.length, bytesPut: 0, ...times };
      },
      close: () => session.close(),
    };
  },
};

interface Customer {
  readonly id: number;
  readonly balance: number;
}

function* entries(rows: number): Generator<readonly [string, object]> {
  for (let row = 0; row < rows; row++) yield [keyOf(row), customerOf(row)];
}

/** Halves, so that their sums are exact. */
function customerOf(row: number): Customer & Record<string, unknown> {
  return {
    id: row,
    name: `customer ${row}`,
    email: `customer${row}@example.com`,
    city: CITIES[row % CITIES.length],
    active: row % 3 === 0,
    created: 1_700_000_000_000 + row,
    balance: row / 2,
    visits: row % 1000,
    tags: ['new', 'paper'],
    note: null,
  };
}

const CITIES = ['Lisbon', 'Nairobi', 'Osaka', 'Quito', 'Turku'];

function isCustomer(value: unknown): value is Customer {
  return typeof value === 'object' && value !== null && 'id' in value && 'balance' in value;
}
