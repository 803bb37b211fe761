/** The longest name of a store: its record lies in a leaf of the catalogue, whatever the name. */

import { expect, test } from 'vitest';
import { KeyTooLargeError } from '../../src/index.ts';
import { newPath, newTinyFile, openFresh } from '../support/fresh-database.ts';

const OPTIONS = { key: 'u32', value: 'string' } as const;

test.each([256, 4096] as const)('in pages of %d bytes', async (pageSize) => {
  // Half a page, less a slot, the fixed fields, and a record with the names of two codecs.
  const longest = (pageSize - 32) / 2 - 6 - 4 - (36 + 'u32'.length + 'string'.length);
  const path = pageSize === 256 ? newTinyFile(256) : newPath();
  const db = openFresh(path);
  expect(() => db.store('n'.repeat(longest + 1), OPTIONS)).toThrow(KeyTooLargeError);
  const name = 'n'.repeat(longest);
  const store = db.store(name, OPTIONS);
  await store.put(1, 'one');
  expect(store.get(1)).toBe('one');
  // The pages of its tree are reached, and its root has a place.
  expect((await db.verify()).problems).toEqual([]);
  await db.close();
  expect(openFresh(path).store(name, OPTIONS).get(1)).toBe('one');
});

test('a record that does not fit a leaf would lie in a run, and its store lose its root', () => {
  const db = openFresh(newPath());
  // As long as a key may be.
  expect(() => db.store('n'.repeat(1978), OPTIONS)).toThrow(KeyTooLargeError);
});
