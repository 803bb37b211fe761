/** What a handle keeps of the pages that it has checked. */

import { expect, test, vi } from 'vitest';
import { open } from '../../src/index.ts';
import { MappedStorage } from '../../src/pager/mapped-storage.ts';
import { newPath } from '../support/fresh-database.ts';

const NUMBERS = { key: 'u32', value: 'bytes' } as const;

test('a page is checked once, also in a file that grows while it is open', async () => {
  const path = newPath();
  const writer = open(path);
  await writer.store('s', NUMBERS).put(0, Buffer.alloc(300));
  const checks = vi.spyOn(MappedStorage.prototype, 'pageIsIntact');
  const reader = open(path, { readOnly: true });
  try {
    const store = reader.store('s', NUMBERS);
    for (const entries of [1, 3000, 60_000]) {
      const rows = Array.from({ length: entries }, (_, i) => [i, Buffer.alloc(300, i)] as const);
      await writer.store('s', NUMBERS).putMany(rows);
      const before = checks.mock.calls.length;
      expect([...store.keys()]).toHaveLength(entries);
      const first = checks.mock.calls.length - before;
      expect(first).toBeGreaterThanOrEqual(entries / 14);
      expect([...store.keys()]).toHaveLength(entries);
      expect(checks.mock.calls.length).toBe(before + first);
    }
  } finally {
    checks.mockRestore();
    await reader.close();
    await writer.close();
  }
});

test('a handle on a small file keeps little', async () => {
  const path = newPath();
  const db = open(path);
  await db.store('s', NUMBERS).put(1, Buffer.alloc(10));
  await db.close();
  const before = process.memoryUsage().arrayBuffers;
  const handles = Array.from({ length: 20 }, () => open(path, { readOnly: true }));
  for (const handle of handles) expect(handle.store('s', NUMBERS).get(1)).toHaveLength(10);
  expect((process.memoryUsage().arrayBuffers - before) / handles.length).toBeLessThan(150_000);
  for (const handle of handles) await handle.close();
});
