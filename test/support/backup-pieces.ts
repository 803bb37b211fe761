/** What tests of backups share: databases with something in them, and what is in a folder. */

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { expect } from 'vitest';
import type { Database } from '../../src/index.ts';
import type { Random } from './sim-random.ts';

/** All stores with all entries, as text. */
export function contentOf(db: Database): Record<string, string[]> {
  return db.read((snapshot) =>
    Object.fromEntries(
      db.stores().map(({ name }) => {
        const store = db.store<unknown, unknown>(name);
        const entries = snapshot.range(store).toArray();
        return [
          name,
          entries.map(([key, value]) => {
            const shown =
              value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value;
            return `${JSON.stringify(key)}: ${JSON.stringify(shown)}`;
          }),
        ];
      }),
    ),
  );
}

/** Some transactions: puts, overwrites, values of many pages, values of zeros, removals. */
export async function change(db: Database, random: Random, transactions: number): Promise<void> {
  const small = db.store('small', { key: 'u32', value: 'string' });
  const large = db.store('large', { key: 'string', value: 'bytes' });
  for (let t = 0; t < transactions; t++) {
    await db.write((tx) => {
      for (let i = 0; i < 60; i++) {
        const key = random.below(2000);
        if (random.below(3) === 0) tx.remove(small, key);
        else tx.put(small, key, `${key} in ${t} `.repeat(1 + random.below(8)));
      }
      if (random.below(8) === 0) tx.removeRange(small, { gte: random.below(2000), limit: 400 });
      const name = `v${random.below(12)}`;
      const bytes = random.below(90_000);
      const kind = random.below(4);
      if (kind === 0) tx.remove(large, name);
      else tx.put(large, name, kind === 1 ? new Uint8Array(bytes) : noise(random, bytes));
    });
  }
}

/** Bytes that say which they are, from the seed. */
function noise(random: Random, length: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  for (let i = 0; i < words.length; i++) words[i] = random.below(2 ** 32);
  return new Uint8Array(words.buffer, 0, length);
}

/** The files whose names begin as that of `path`, lock files apart. */
export function filesAt(path: string): string[] {
  const name = basename(path);
  return readdirSync(dirname(path))
    .filter((file) => file.startsWith(name) && !file.endsWith('-lock'))
    .sort();
}

/** The target is as it was before, and nothing was left beside it. */
export function expectUntouched(path: string, before: Buffer | undefined): void {
  expect(filesAt(path)).toEqual(before === undefined ? [] : [basename(path)]);
  if (before !== undefined) expect(readFileSync(path).equals(before)).toBe(true);
}

/** What a file takes of its disk. */
export function blockBytes(path: string): number {
  return statSync(path).blocks * 512;
}
