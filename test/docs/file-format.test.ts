// docs/file-format.md is the specification: its tables are those above the code, and each row of its
// dump is what a real file holds.

import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { open } from '../../src/index.ts';

const root = new URL('../../', import.meta.url);
const document = readFileSync(new URL('docs/file-format.md', root), 'utf8');
const fixture = new URL('test/fixtures/version-1.coppice', root);

/** The indented blocks of a file's opening comment. */
function tables(file: string): string[] {
  const source = readFileSync(new URL(`src/format/${file}`, root), 'utf8');
  const comment = /^\/\*\*(.*?)\*\//s.exec(source)?.[1] ?? '';
  const found: string[] = [];
  let block: string[] = [];
  for (const raw of [...comment.split('\n'), 'end']) {
    const line = raw.replace(/^ \* ?/, '');
    if (line.startsWith('    ')) block.push(line.slice(4));
    else if (line.trim() === '' && block.length > 0) block.push('');
    else if (block.length > 0) {
      found.push(block.join('\n').trim());
      block = [];
    }
  }
  return found;
}

/** The rows of the dump: offset and bytes. */
function dumpRows(): { offset: number; bytes: Buffer }[] {
  const dump = /```hexdump\n(.*?)```/s.exec(document)?.[1] ?? '';
  return dump
    .split('\n')
    .filter((line) => /^[0-9a-f]{6} /.test(line))
    .map((line) => {
      const [offset = '', bytes = ''] = line.split(/ +/);
      return { offset: Number.parseInt(offset, 16), bytes: Buffer.from(bytes, 'hex') };
    });
}

describe('docs/file-format.md', () => {
  it.each(readdirSync(new URL('src/format', root)))('has the tables of src/format/%s', (file) => {
    const missing = tables(file).filter(
      (table) => !document.includes(`\`\`\`text\n${table}\n\`\`\``),
    );
    expect(missing).toEqual([]);
  });

  it('finds tables above the code at all', () => {
    expect(tables('meta.ts').join('\n')).toContain('ids reserved until');
    expect(dumpRows().length).toBeGreaterThan(100);
  });

  it('dumps the bytes that the file has, and every byte of it that is not zero', () => {
    const bytes = readFileSync(fixture);
    const left = Buffer.from(bytes);
    for (const row of dumpRows()) {
      expect(bytes.subarray(row.offset, row.offset + row.bytes.length).toString('hex')).toBe(
        row.bytes.toString('hex'),
      );
      left.fill(0, row.offset, row.offset + row.bytes.length);
    }
    expect(left.findIndex((byte) => byte !== 0)).toBe(-1);
  });

  it('describes a file that this version reads, with what the dump says is in it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'coppice-docs-'));
    try {
      const path = join(folder, 'small.coppice');
      copyFileSync(fixture, path);
      const db = open(path);
      const capitals = db.store<string, string>('capitals');
      expect(capitals.range().toArray()).toEqual([
        ['Bergen', 'fish'],
        ['Berlin', 'Spree'],
        ['Bern', 'Aare'],
      ]);
      expect((await db.verify()).pages).toBe(6);
      expect(await capitals.put('Bonn', 'Rhein')).toBe(true);
      expect(capitals.count()).toBe(4);
      await db.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
