/** The tables of docs/key-encoding.md are what the code does. */

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Key } from '../../src/codec/codec.ts';
import { isKeyCodecName, keyFormat } from '../../src/codec/registry.ts';
import { TAG } from '../../src/codec/tuple-tags.ts';
import { encodeKey, readKey, startsWith } from './support.ts';

const text = readFileSync(new URL('../../docs/key-encoding.md', import.meta.url), 'utf8');

/** The cells of all rows whose last cell is bytes in hex, as [codec, key, bytes]. */
const rows = [...text.matchAll(/^\|(?: (\w+) \|)? `(.+)` \| `([0-9a-f ]*)` \|$/gm)].map(
  ([, codec = 'tuple', key = '', hex = '']) => ({ codec, key, hex }),
);

/** The document's keys are JavaScript expressions. */
const evaluate = (expression: string): Key => new Function(`return ${expression}`)() as Key;

test('all tables are found', () => {
  const counts = new Map<string, number>();
  for (const { codec } of rows) counts.set(codec, (counts.get(codec) ?? 0) + 1);
  expect(Object.fromEntries(counts)).toEqual({
    tuple: 39,
    string: 5,
    bytes: 2,
    u32: 3,
    u64: 2,
    f64: 5,
  });
});

describe('each row is what the codec writes and reads', () => {
  test.each(rows)('$codec: $key', ({ codec, key, hex }) => {
    if (!isKeyCodecName(codec)) return expect.unreachable(codec);
    const format = keyFormat(codec as string);
    const bytes = encodeKey(format, evaluate(key));
    expect(
      Buffer.from(bytes)
        .toString('hex')
        .replace(/(..)(?!$)/g, '$1 '),
    ).toBe(hex);
    expect(readKey(format, bytes)).toStrictEqual(evaluate(key));
  });
});

test("a codec's rows are in the order of their bytes", () => {
  for (const [i, { codec, hex }] of rows.entries()) {
    const before = rows[i - 1];
    if (before?.codec === codec) expect(before.hex < hex, `${before.hex} < ${hex}`).toBe(true);
  }
});

test('the table of first bytes is tuple-tags.ts', () => {
  const table = [...text.matchAll(/^\| `(\w\w)` +\| (\w+) /gm)].map(([, hex, kind]) => [kind, hex]);
  const tags = Object.entries(TAG).map(([name, tag]) => [
    { DATE: 'Date' }[name] ?? name.toLowerCase(),
    tag.toString(16).padStart(2, '0'),
  ]);
  expect(table).toEqual(tags);
});

test('what the text says of prefixes and of UTF-16', () => {
  const tuple = keyFormat('tuple');
  const target = new Uint8Array(20);
  const end = tuple.writePrefix(['a'], target, 0);
  const starts = rows.filter(({ hex }) =>
    startsWith(
      Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex')),
      target.subarray(0, end),
    ),
  );
  expect(starts.map(({ key }) => key)).toEqual(["['a']", "['a', 1]", "['a', [true]]"]);
  expect('\ufffd' < '\u{1f600}').toBe(false);
});
