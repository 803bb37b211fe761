/** A file that is cut short under its readers: STORAGE_FAULT, and never a dead process. */

import {
  closeSync,
  copyFileSync,
  openSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { PAGE_FLAG, PAGE_TYPE } from '../../src/format/page-header.ts';
import { open } from '../../src/index.ts';
import { type Child, newFolder, program } from '../support/process-children.ts';

const folder = newFolder('truncation');
let made = 0;

/** A closed database of 2,000 values, about 1 MiB. */
async function create(): Promise<string> {
  const path = join(folder, `truncated-${made++}`);
  const db = open(path);
  const data = db.store('data', { key: 'u32', value: 'bytes' });
  await data.putMany(
    Array.from(
      { length: 2000 },
      (_, k) => [k, Buffer.alloc(k % 50 === 0 ? 9000 : 200, k)] as const,
    ),
  );
  await db.close();
  return path;
}

async function ask(child: Child, command: string): Promise<string> {
  child.say(command);
  return (await child.line(command)).slice(command.length + 1);
}

async function lives(child: Child): Promise<void> {
  expect(await ask(child, 'close')).toBeDefined();
  const { code, signal, error, lines } = await child.ended();
  expect([code, signal, error]).toEqual([0, null, '']);
  expect(lines.at(-1)).toBe('lives');
}

test.each([0.7, 0.3])(
  'cut to a part of %d under a running reader: every read of what is gone is STORAGE_FAULT, also the second time',
  async (part) => {
    const path = await create();
    const reader = program(import.meta.url, 'truncated-reader.mjs', [path]);
    await reader.line('sum');
    const { size } = statSync(path);
    truncateSync(path, Math.floor((size * part) / 4096) * 4096);
    for (let i = 0; i < 3; i++) {
      for (const command of ['all', 'old', 'get']) {
        expect(await ask(reader, command), `${command}, time ${i + 1}`).toMatch(/^STORAGE_FAULT /);
      }
    }
    expect(await ask(reader, 'verify')).toMatch(/^(STORAGE_FAULT|CORRUPTION) /);
    await lives(reader);
  },
);

test('cut to nothing: reads fail, the process lives', async () => {
  const path = await create();
  const reader = program(import.meta.url, 'truncated-reader.mjs', [path]);
  await reader.line('sum');
  truncateSync(path, 0);
  for (let i = 0; i < 2; i++) expect(await ask(reader, 'all')).toMatch(/^STORAGE_FAULT /);
  expect(await ask(reader, 'put')).toMatch(/^(STORAGE_FAULT|CORRUPTION|DATABASE_POISONED|IO) /);
  await lives(reader);
});

// The last page is one that a commit looks at, or not, depending on what was written before.
test.each([1, 2, 3])(
  'nothing is committed to a file whose last page was cut off (after %d small commits)',
  async (commits) => {
    const path = await create();
    const db = open(path);
    const data = db.store('data', { key: 'u32', value: 'bytes' });
    for (let i = 0; i < 4; i++) await data.put(1, Buffer.alloc(200));
    await data.put(5000, Buffer.alloc(300_000, 1));
    for (let i = 0; i < commits; i++) await data.put(1, Buffer.alloc(200));
    await db.close();
    const reader = program(import.meta.url, 'truncated-reader.mjs', [path]);
    await reader.line('sum');
    const { size } = statSync(path);
    truncateSync(path, size - 4096);
    expect(await ask(reader, 'put')).toMatch(/^STORAGE_FAULT /);
    expect(await ask(reader, 'put')).toMatch(/^STORAGE_FAULT /);
    expect(statSync(path).size).toBe(size - 4096);
    await lives(reader);
  },
);

test('what was cut off and put back can be read again', async () => {
  const path = await create();
  const reader = program(import.meta.url, 'truncated-reader.mjs', [path]);
  const sum = await reader.line('sum');
  const copy = `${path}-copy`;
  copyFileSync(path, copy);
  truncateSync(path, 64 * 1024);
  expect(await ask(reader, 'all')).toMatch(/^STORAGE_FAULT /);
  const file = openSync(path, 'r+');
  writeSync(file, readFileSync(copy), 0, undefined, 0);
  closeSync(file);
  // Noticed before the next snapshot; the read that notices it may be the last to fail.
  await ask(reader, 'all');
  expect(await ask(reader, 'all')).toBe('nothing');
  expect(`sum ${await ask(reader, 'sum')}`).toBe(sum);
  expect(await ask(reader, 'put')).toBe('nothing');
  expect(await ask(reader, 'verify')).toBe('nothing');
  await lives(reader);
});

test('opened after it was cut short, it is CORRUPTION or STORAGE_FAULT, and is left as it is', async () => {
  const path = await create();
  const { size } = statSync(path);
  for (const part of [0.9, 0.5, 0.1]) {
    truncateSync(path, Math.floor((size * part) / 4096) * 4096);
    const before = readFileSync(path);
    expect(() => {
      using db = open(path);
      for (const _ of db.store('data', { key: 'u32', value: 'bytes' }).range());
    }).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^(CORRUPTION|STORAGE_FAULT)$/) }),
    );
    expect(Buffer.compare(readFileSync(path), before)).toBe(0);
  }
  writeFileSync(path, '');
  expect(() => open(path)).toThrow(expect.objectContaining({ code: 'NOT_A_DATABASE' }));
});

/** Where the catalogue's only page begins in a file of pages of 64 KiB: the newest that says so. */
function cataloguePage(file: Buffer): number {
  let found = -1;
  let birth = -1;
  for (let at = 0; at < file.length; at += 65536) {
    const isLeaf = file[at + 20] === PAGE_TYPE.leaf;
    if (!isLeaf || (file.readUInt16LE(at + 30) & PAGE_FLAG.catalogue) === 0) continue;
    if (file.readUInt32LE(at + 8) <= birth) continue;
    birth = file.readUInt32LE(at + 8);
    found = at;
  }
  return found;
}

// The tree of a store that was looked up in zeros was kept as an empty one.
test('a store that could not be looked up is there when the file is whole again', async () => {
  const path = join(folder, `truncated-${made++}`);
  const making = open(path, { pageSize: 65536 });
  for (const name of ['a', 't', 'u']) await making.store<number, number>(name).put(1, 1);
  await making.close();
  const whole = readFileSync(path);
  const db = open(path);
  const [a, t, u] = ['a', 't', 'u'].map((name) => db.store<number, number>(name));
  expect(a!.keys().toArray()).toEqual([1]);
  // The page's header stays, and its entries, at its end, go.
  truncateSync(path, cataloguePage(whole) + 4096);
  const fault = expect.objectContaining({ code: 'STORAGE_FAULT' });
  expect(() => t!.keys().toArray()).toThrow(fault);
  expect(() => u!.get(1)).toThrow(fault);
  const fd = openSync(path, 'r+');
  writeSync(fd, whole, 0, whole.length, 0);
  closeSync(fd);
  expect(t!.keys().toArray()).toEqual([1]);
  expect(u!.get(1)).toBe(1);
  await db.close();
});
