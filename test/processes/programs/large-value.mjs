// Puts a value of BYTES as a stream, and reads parts of it; prints what that took as JSON.
//
//     node large-value.mjs put PATH BYTES      { anonymousBytes, longestTurnMs, putMs }
//     node large-value.mjs slice PATH FROM TO  { residentBytes, right }
//     node large-value.mjs stream PATH         { anonymousBytes, right }

import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { open } from '../../../dist/bundle/coppice.js';

const [what, path, ...numbers] = process.argv.slice(2);
const PIECE = 2 ** 20;

/** Memory of this process that is neither a file's nor shared with anybody. */
function anonymousBytes() {
  const status = readFileSync('/proc/self/status', 'utf8');
  return 1024 * Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)[1]);
}

let most = 0;
const before = anonymousBytes();
const sample = () => {
  most = Math.max(most, anonymousBytes() - before);
};

/** The bytes from `at` on, which is a multiple of four: each four say where they are. */
function fill(bytes, at) {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  for (let i = 0; i < words.length; i++) words[i] = Math.imul((at >> 2) + i, 2_654_435_761);
  return bytes;
}
function isRight(bytes, at) {
  return Buffer.compare(bytes, fill(new Uint8Array(bytes.length), at)) === 0;
}

/** What of the file is in memory when what was asked for before, by opening it, has come. */
async function settled() {
  for (let before = -1; ; ) {
    const { residentBytes } = db.stats().mapping;
    if (residentBytes === before) return residentBytes;
    before = residentBytes;
    await wait(100);
  }
}

async function* source(size) {
  for (let at = 0; at < size; at += PIECE) {
    sample();
    yield fill(new Uint8Array(Math.min(PIECE, size - at)), at);
  }
}

const db = open(path);
const store = db.store('blobs', { key: 'string', value: 'bytes' });
if (what === 'put') {
  const size = Number(numbers[0]);
  await store.put('small', new Uint8Array(10));
  const timer = setInterval(sample, 5);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  await wait(20);
  delay.enable();
  const begun = performance.now();
  const stream = ReadableStream.from(source(size));
  await store.putStream('large', size, stream);
  const putMs = performance.now() - begun;
  delay.disable();
  clearInterval(timer);
  sample();
  await db.close();
  console.log(JSON.stringify({ anonymousBytes: most, longestTurnMs: delay.max / 1e6, putMs }));
} else if (what === 'slice') {
  const [from, to] = numbers.map(Number);
  const blob = store.blob('large');
  const resident = await settled();
  const slice = blob.slice(from, to);
  const residentBytes = db.stats().mapping.residentBytes - resident;
  console.log(JSON.stringify({ residentBytes, right: isRight(slice, from) }));
} else {
  const blob = store.blob('large');
  let at = 0;
  let right = true;
  for await (const piece of blob.stream()) {
    right = right && isRight(piece, at);
    at += piece.length;
    sample();
  }
  console.log(JSON.stringify({ anonymousBytes: most, right: right && at === blob.size }));
}
