/**
 * Where msgpackr's native addon is not there (Electron, `npm ci --omit=optional`), nothing differs.
 */

import { expect, test, vi } from 'vitest';
import { EncodedValue } from '../../src/codec/codec.ts';
import { msgpackValue } from '../../src/codec/msgpack.ts';
import { msgpackr } from '../../src/codec/msgpackr.ts';
import { ValueUnreadableError } from '../../src/errors.ts';
import { values } from './arbitrary-values.ts';
import { check, texts } from './support.ts';

// msgpackr asks once, when it is loaded.
vi.hoisted(() => {
  process.env.MSGPACKR_NATIVE_ACCELERATION_DISABLED = 'true';
});

function roundTrip(value: unknown): unknown {
  const out = new EncodedValue();
  msgpackValue.encode(value, out);
  const bytes = new Uint8Array(out.bytes.subarray(out.start, out.end));
  return msgpackValue.read(bytes, 0, bytes.length);
}

test('the addon is off', () => {
  expect(msgpackr().isNativeAccelerationEnabled).toBe(false);
});

test('values of every kind read back', () => {
  check(values, (value) => expect(roundTrip(value)).toStrictEqual(value), 2000);
});

test('texts that start with U+FEFF keep it, and TextDecoder is as it was', () => {
  check(texts, (text) => {
    const value = {
      [`\uFEFF${text}`.padEnd(99, 'x')]: [`\uFEFF${text}`, `\uFEFF${text}`.repeat(9)],
    };
    expect(roundTrip(value)).toStrictEqual(value);
  });
  const bytes = Uint8Array.of(0xef, 0xbb, 0xbf, 65);
  expect(new TextDecoder().decode(bytes)).toBe('A');
  expect(() => msgpackValue.read(bytes, 0, 4)).toThrow(ValueUnreadableError);
  expect(new TextDecoder().decode(bytes)).toBe('A');
});
