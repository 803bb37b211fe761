import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { keepCode, keptCode } from '../../src/start/code-cache.ts';
import { newFolder } from '../support/process-children.ts';

const folder = newFolder('code-cache');

const path = join(folder, 'kept.code');
const source = { path: '/here/library.cjs', text: Buffer.from('exports.one = () => 1;') };
const code = Uint8Array.from({ length: 300 }, (_, i) => (i * 7) & 0xff);

test('what was kept of a library is given back, and nothing lies beside it', () => {
  keepCode(path, source, code);
  expect(keptCode(path, source)).toEqual(Buffer.from(code));
  keepCode(path, source, code.subarray(1));
  expect(keptCode(path, source)).toEqual(Buffer.from(code.subarray(1)));
  expect(readdirSync(folder)).toEqual(['kept.code']);
});

test('code of another text is not given, be it as long, and none of another place', () => {
  keepCode(path, source, code);
  const text = Buffer.from('exports.one = () => 2;');
  expect(keptCode(path, { ...source, text })).toBeUndefined();
  expect(keptCode(path, { ...source, path: '/there/library.cjs' })).toBeUndefined();
});

test('damaged code is not given: V8 would run it', () => {
  keepCode(path, source, code);
  const whole = readFileSync(path);
  for (let byte = 0; byte < whole.length; byte++) {
    const damaged = Buffer.from(whole);
    damaged[byte]! ^= 1 << (byte & 7);
    writeFileSync(path, damaged);
    expect(keptCode(path, source), `byte ${byte}`).toBeUndefined();
    writeFileSync(path, whole.subarray(0, byte));
    expect(keptCode(path, source), `${byte} bytes`).toBeUndefined();
  }
});

test('where none was kept there is none', () => {
  expect(keptCode(join(folder, 'absent'), source)).toBeUndefined();
});
