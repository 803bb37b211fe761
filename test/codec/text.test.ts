import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readUtf8, writeUtf8 } from '../../src/codec/utf8.ts';
import { ValueUnreadableError } from '../../src/errors.ts';
import { check, texts } from './support.ts';

test('texts are the bytes that Node makes of them', () => {
  check(
    fc.oneof(
      texts,
      texts.map((t) => t.repeat(20)),
    ),
    (text) => {
      const target = new Uint8Array(3 * text.length + 2);
      const end = writeUtf8(text, target, 2, 'The text');
      expect(Buffer.compare(target.subarray(2, end), Buffer.from(text, 'utf8'))).toBe(0);
      expect(readUtf8(target, 2, end, 'string')).toBe(text);
    },
  );
});

test('bytes are read as TextDecoder reads them when it is strict', () => {
  const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const nearlyUtf8 = fc
    .tuple(texts, fc.nat(), fc.constantFrom(0x80, 0xbf, 0xc0, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xff))
    .map(([text, at, byte]) => {
      const bytes = new Uint8Array(Buffer.from(text, 'utf8'));
      if (bytes.length > 0) bytes[at % bytes.length] = byte;
      return bytes;
    });
  check(
    fc.oneof(nearlyUtf8, fc.uint8Array({ maxLength: 20 })),
    (bytes) => {
      let expected: string | undefined;
      try {
        expected = strict.decode(bytes);
      } catch {
        expect(() => readUtf8(bytes, 0, bytes.length, 'string')).toThrow(ValueUnreadableError);
        return;
      }
      expect(readUtf8(bytes, 0, bytes.length, 'string')).toBe(expected);
    },
    5000,
  );
});

test('lone surrogates are refused wherever they are', () => {
  const target = new Uint8Array(4096);
  const units = fc.array(
    fc.oneof(
      fc.integer({ min: 0, max: 0xffff }),
      fc.constantFrom(0x61, 0xd800, 0xdbff, 0xdc00, 0xdfff),
    ),
    { maxLength: 60 },
  );
  check(
    units,
    (codes) => {
      const text = String.fromCharCode(...codes);
      if (/\p{Surrogate}/u.test(text)) {
        expect(() => writeUtf8(text, target, 0, 'The text')).toThrow(TypeError);
        expect(() => writeUtf8(text, target, 4090, 'The text')).toThrow(TypeError);
      } else {
        expect(writeUtf8(text, target, 0, 'The text')).toBe(Buffer.byteLength(text));
      }
    },
    3000,
  );
});
