/**
 * What the tree alone costs, over plain memory: no file, no commit, no codec.
 *
 *     npx tsc -p tsconfig.json --noEmit false --outDir out/micro
 *     node out/micro/bench/micro/btree.js
 *     ... [entries, default 1000000] [words of the names to run, default all]
 *
 * 15-byte keys, 100-byte values, 4 KiB pages. Every figure is the median of five rounds,
 * in processor time, which other work on the machine disturbs less than the clock.
 */

import { copyBytes } from '../../src/btree/bytes.ts';
import { checkTree } from '../../src/btree/check.ts';
import { Scratch } from '../../src/btree/scratch.ts';
import { Tree } from '../../src/btree/tree.ts';
import { WritableTree } from '../../src/btree/writable-tree.ts';
import { CorruptionError } from '../../src/errors.ts';
import { Geometry } from '../../src/format/geometry.ts';
import { initialisePage, setOwnNumber, setPageBirth } from '../../src/format/page-header.ts';
import { Segment } from '../../src/format/segment.ts';
import type { PageWriter } from '../../src/pager/page-reader.ts';

const KEY_BYTES = 15;
const VALUE_BYTES = 100;
const ROUNDS = 5;
const entries = Number(process.argv[2] ?? 1_000_000);
const wanted = process.argv.slice(3);

/** Pages in one block of memory; a page is dirty when its birth is the running transaction's. */
class FlatPages implements PageWriter {
  readonly geometry: Geometry = new Geometry(4096);
  segment: Segment;
  visits = 0;
  transaction = 1;
  copied = 0;
  /** A page freed in this transaction is not used again before the next one. */
  private readonly freed: number[] = [];
  private readonly free_: number[] = [];
  private next = 3;

  constructor(bytes: number) {
    this.segment = new Segment(new ArrayBuffer(bytes));
  }

  find(page: number, birth: number, type: number): number {
    this.visits++;
    const s = this.segment;
    const o = page << 12;
    const found = s.bytes[o + 20]!;
    if (s.i32[(o + 8) >> 2] !== (birth | 0) || (found !== type && (type !== 0 || found > 2))) {
      throw new CorruptionError(page, `page ${page}`);
    }
    return o;
  }
  findRun(): number {
    throw new Error('no runs here');
  }
  touch(page: number, birth: number, type: number): number {
    const from = this.find(page, birth, type);
    if (birth === this.transaction) return page;
    const copy = this.take();
    const s = this.segment;
    s.bytes.copyWithin(copy << 12, from, from + 4096);
    setOwnNumber(s, copy << 12, copy);
    setPageBirth(s, copy << 12, this.transaction);
    this.freed.push(page);
    this.copied++;
    return copy;
  }
  allocate(type: number, level: number, flags: number): number {
    const page = this.take();
    initialisePage(this.segment, page << 12, 4096, page, this.transaction, type, level, flags);
    return page;
  }
  free(page: number): void {
    this.freed.push(page);
  }
  allocateStaged(): number {
    throw new Error('nothing is staged here');
  }
  allocateRun(): number {
    throw new Error('no runs here');
  }
  moveRun(): number {
    throw new Error('no runs here');
  }
  freeRun(): void {}
  commit(): void {
    this.transaction++;
    while (this.freed.length > 0) this.free_.push(this.freed.pop()!);
  }
  private take(): number {
    return this.free_.pop() ?? this.next++;
  }
}

/** A 32-bit permutation, so that random keys repeat no key and need no memory. */
function mix(i: number): number {
  let x = i | 0;
  x = Math.imul(x ^ (x >>> 16), 0x45d9f3b);
  x = Math.imul(x ^ (x >>> 16), 0x45d9f3b);
  return (x ^ (x >>> 16)) >>> 0;
}

const key = new Uint8Array(KEY_BYTES);
const value = new Uint8Array(VALUE_BYTES).fill(0x76);

/** Writes `n` as 15 decimal digits to `key`. */
function setKey(n: number): void {
  let rest = n;
  for (let i = KEY_BYTES - 1; i >= 0; i--) {
    const next = Math.floor(rest / 10);
    key[i] = 48 + (rest - next * 10);
    rest = next;
  }
}

/** Prints the median time for one of `count` things that `run` does. */
function measure(name: string, count: number, run: () => void): void {
  if (wanted.length > 0 && !wanted.some((word) => name.includes(word))) return;
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(start);
    times.push(((user + system) * 1000) / count);
  }
  times.sort((a, b) => a - b);
  const median = times[ROUNDS >> 1]!.toFixed(1).padStart(8);
  console.log(`${name.padEnd(44)} ${median} ns  (${times.map((t) => t.toFixed(0)).join(' ')})`);
}

function newTree(pages: FlatPages): WritableTree {
  const root = { page: 0, birth: 0, entries: 0, version: 0 };
  return new WritableTree(pages, root, new Scratch(pages.geometry), 0);
}

function fill(pages: FlatPages, tree: WritableTree): string {
  const report = checkTree(pages, tree.root);
  const used = report.leafBytes / (report.leafPages * pages.geometry.capacity);
  const file = ((report.leafPages + report.branchPages) * 4096) / 1e6;
  return `leaves ${(used * 100).toFixed(1)} % full, ${file.toFixed(1)} MB, depth ${report.depth}`;
}

const room = Math.max(2 ** 26, Math.min(2 ** 30, entries * 320));
console.log(`node ${process.version}, ${entries} entries`);

let pages = new FlatPages(room);
let tree = newTree(pages);
measure('ascending insert, one transaction', entries, () => {
  pages = new FlatPages(room);
  tree = newTree(pages);
  for (let i = 0; i < entries; i++) {
    setKey(i);
    tree.put(key, KEY_BYTES, value, 0, VALUE_BYTES);
  }
});
if (tree.root.page === 0) {
  for (let i = 0; i < entries; i++) {
    setKey(i);
    tree.put(key, KEY_BYTES, value, 0, VALUE_BYTES);
  }
}
console.log(`  ${fill(pages, tree)}`);

const reader = new Tree(pages, tree.root);
let sink = 0;
measure('search, random, hit', 1_000_000, () => {
  for (let i = 0; i < 1_000_000; i++) {
    setKey(mix(i) % entries);
    if (reader.find(key, KEY_BYTES)) sink++;
  }
});
measure('  of which making the key', 1_000_000, () => {
  for (let i = 0; i < 1_000_000; i++) {
    setKey(mix(i) % entries);
    sink += key[14]!;
  }
});
measure('search, random, 1 % of the keys', 1_000_000, () => {
  for (let i = 0; i < 1_000_000; i++) {
    setKey(mix(i) % (entries / 100));
    if (reader.find(key, KEY_BYTES)) sink++;
  }
});
measure('rank, random', 200_000, () => {
  for (let i = 0; i < 200_000; i++) {
    setKey(mix(i) % entries);
    sink += reader.rank(key, KEY_BYTES, false);
  }
});
measure('at, random', 200_000, () => {
  for (let i = 0; i < 200_000; i++) if (reader.at(mix(i) % entries)) sink++;
});
measure('scan, steps alone', entries, () => {
  const cursor = reader.cursor();
  for (let there = cursor.first(); there; there = cursor.next()) sink += cursor.entry;
});
measure('scan backwards, steps alone', entries, () => {
  const cursor = reader.cursor();
  for (let there = cursor.last(); there; there = cursor.previous()) sink += cursor.entry;
});
measure('scan, keys copied', entries, () => {
  const cursor = reader.cursor();
  const target = new Uint8Array(pages.geometry.maxKeyBytes);
  for (let there = cursor.first(); there; there = cursor.next()) sink += cursor.copyKey(target);
});
measure('scan, values found', entries, () => {
  const cursor = reader.cursor();
  for (let there = cursor.first(); there; there = cursor.next()) {
    cursor.loadValue();
    sink += cursor.valueEnd;
  }
});
measure('seek and 100 steps', 100_000 * 100, () => {
  const cursor = reader.cursor();
  for (let i = 0; i < 100_000; i++) {
    setKey(mix(i) % entries);
    cursor.seek(key, KEY_BYTES, true);
    for (let k = 0; k < 100 && cursor.next(); k++) sink += cursor.entry;
  }
});

measure('overwrite at random, transactions of 1,000', 200_000, () => {
  for (let i = 0; i < 200_000; i++) {
    if (i % 1000 === 0) pages.commit();
    setKey(mix(i) % entries);
    tree.put(key, KEY_BYTES, value, 0, VALUE_BYTES);
  }
});
measure('overwrite at random, one transaction', 200_000, () => {
  for (let i = 0; i < 200_000; i++) {
    setKey(mix(i) % entries);
    tree.put(key, KEY_BYTES, value, 0, VALUE_BYTES);
  }
});

measure('random insert, one transaction', entries, () => {
  pages = new FlatPages(room);
  tree = newTree(pages);
  for (let i = 0; i < entries; i++) {
    setKey(mix(i));
    tree.put(key, KEY_BYTES, value, 0, VALUE_BYTES);
  }
});
console.log(`  ${fill(pages, tree)}`);
measure('random insert, transactions of 1,000', entries, () => {
  pages = new FlatPages(room);
  tree = newTree(pages);
  for (let i = 0; i < entries; i++) {
    if (i % 1000 === 0) pages.commit();
    setKey(mix(i));
    tree.put(key, KEY_BYTES, value, 0, VALUE_BYTES);
  }
});
console.log(`  ${fill(pages, tree)}, ${(pages.copied / entries).toFixed(2)} pages copied a put`);
const part = Math.floor(entries / ROUNDS);
let removed = 0;
measure('remove at random, a fifth at a time', part, () => {
  for (const end = removed + part; removed < end; removed++) {
    setKey(mix(removed));
    if (tree.remove(key, KEY_BYTES)) sink++;
  }
});

const target = new Uint8Array(4096);
for (const bytes of [16, 64, 96, 100, 128, 256]) {
  measure(`copy ${bytes} bytes: copyBytes`, 1_000_000, () => {
    for (let i = 0; i < 1_000_000; i++) copyBytes(target, i & 1023, value, 0, bytes);
  });
  measure(`copy ${bytes} bytes: set(subarray)`, 1_000_000, () => {
    for (let i = 0; i < 1_000_000; i++) target.set(value.subarray(0, bytes), i & 1023);
  });
}
if (sink === 0) console.log('nothing was done');
