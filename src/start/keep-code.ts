/**
 * The program that keeps the code for processes to begin with: runs the library as most programs
 * do, in a folder that is removed again, so that V8 compiles what they need, and keeps that.
 *
 * Run by npm when the package is installed, and by scripts/setup.mjs in a checkout.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { codePath, keepCode } from './code-cache.ts';
import { readLibrary, runLibrary } from './library.ts';

const url = new URL('./library.cjs', import.meta.url);
const source = readLibrary(url);
const library = runLibrary(source)!;
const folder = mkdtempSync(join(tmpdir(), 'coppice-install-'));
try {
  await useAsMostDo(join(folder, 'data'));
} finally {
  rmSync(folder, { recursive: true });
}
keepCode(codePath(url), source, library.script.createCachedData());

async function useAsMostDo(file: string): Promise<void> {
  const { open } = library.exports;
  for (let time = 0; time < 2; time++) {
    const db = open(file);
    const store = db.store('values', { key: 'string', value: 'bytes' });
    const value = new Uint8Array(100);
    await store.put(`${time}`, value);
    await db.write((tx) => {
      for (let i = 0; i < 100; i++) tx.put(store, `key ${i}`, value);
      tx.remove(store, 'key 0');
    });
    store.get('key 1');
    store.has('key 2');
    for (const [key] of store.range({ gte: 'key 5', limit: 10 })) store.get(key);
    for (const _ of store.keys());
    store.count();
    const things = db.store('things');
    await things.put(time, { name: 'a thing' });
    things.get(time);
    await db.close();
  }
}
