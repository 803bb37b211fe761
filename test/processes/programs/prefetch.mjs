// Reads a database that lies on the disk, and tells how late the event loop was.
//
//     node prefetch.mjs fill PATH MIB
//     node prefetch.mjs with PATH         { pages, prefetchMs, prefetching, reading, majorFaults }
//     node prefetch.mjs without PATH      { reading, majorFaults }
//     node prefetch.mjs idle PATH         { reading }: as long as that, and nothing done

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { open } from '../../../dist/bundle/coppice.js';

const [what, path, mib] = process.argv.slice(2);
const db = open(path, { durability: 'manual' });
const store = db.store('s', { key: 'u32', value: 'bytes' });
const VALUE_BYTES = 1000;

/** Runs `work`, and tells how late, in ms, a timer was that is due each millisecond. */
async function held(work) {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  await wait(5);
  delay.reset();
  await work();
  await wait(5);
  delay.disable();
  const late = (ns) => Math.round(ns / 1e4 - 100) / 100;
  return {
    median: late(delay.percentile(50)),
    p99: late(delay.percentile(99)),
    most: late(delay.max),
  };
}

/** A key now and then, as a server would. */
async function readAll() {
  const count = store.count();
  // In an order that is not that of the file.
  const step = 7919;
  for (let i = 0; i < count; i += 50) {
    store.get((i * step) % count);
    if (i % 200 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

if (what === 'fill') {
  const count = (Number(mib) * 2 ** 20) / VALUE_BYTES;
  for (let at = 0; at < count; at += 10_000) {
    await db.write((tx) => {
      for (let i = at; i < Math.min(count, at + 10_000); i++) {
        tx.put(store, i, new Uint8Array(VALUE_BYTES).fill(i), { append: true });
      }
    });
  }
  await db.close();
} else {
  const result = {};
  if (what === 'with') {
    const begun = performance.now();
    result.prefetching = await held(async () => {
      result.pages = (await db.prefetch(store)).pages;
    });
    result.prefetchMs = performance.now() - begun;
  }
  const before = db.stats().mapping.majorFaults;
  result.reading = await held(what === 'idle' ? () => wait(1000) : readAll);
  result.majorFaults = db.stats().mapping.majorFaults - before;
  console.log(JSON.stringify(result));
  await db.close();
}
