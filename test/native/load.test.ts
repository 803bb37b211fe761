import { truncateSync } from 'node:fs';
import { expect, test } from 'vitest';
import { OP } from '../../src/pager/job.ts';
import { type NativeError, type NativeFile, native } from '../../src/pager/native.ts';
import { create, mapped, newPath, RESERVE, run, SEGMENT, thrown } from './support.ts';

const MIB = 2 ** 20;

function load(file: NativeFile, ranges: readonly number[]): Promise<NativeError | null> {
  return new Promise((resolve) => {
    file.load(Float64Array.from(ranges), resolve);
  });
}

test('what was loaded is touched without a fault', async () => {
  const file = create(newPath(), 8 * MIB);
  const bytes = mapped(file);
  expect(await load(file, [MIB, 2 * MIB, 5 * MIB + 100, 5000])).toBeNull();
  const { minor, major } = native().faults();
  let sum = 0;
  for (let at = MIB; at < 3 * MIB; at += 4096) sum += bytes[at]!;
  expect(sum).toBe(0);
  const after = native().faults();
  expect(after.major - major).toBe(0);
  // 512 pages; what V8 touches meanwhile counts, too.
  expect(after.minor - minor).toBeLessThan(100);
  expect(await load(file, [])).toBeNull();
  expect(await load(file, [0, 0])).toBeNull();
});

test('goes on beside jobs, which do not wait for it', async () => {
  const file = create(newPath(), 64 * MIB);
  mapped(file);
  const order: string[] = [];
  const loads = Array.from({ length: 16 }, async (_, i) => {
    expect(await load(file, [4 * i * MIB, 4 * MIB])).toBeNull();
    order.push('load');
  });
  expect(await run(file, [OP.FLUSH])).toBeNull();
  order.push('job');
  await Promise.all(loads);
  expect(order).toHaveLength(17);
});

test('a part that cannot be read is EFAULT, and ends no process', async () => {
  const path = newPath();
  const file = create(path, 4 * MIB);
  mapped(file);
  truncateSync(path, MIB);
  expect(await load(file, [0, MIB])).toBeNull();
  expect(await load(file, [0, 2 * MIB])).toMatchObject({ code: 'EFAULT' });
  expect(await load(file, [3 * MIB, 4096, 0, 4096])).toMatchObject({ code: 'EFAULT' });
  // Past all that is mapped there is nothing to load.
  expect(await load(file, [RESERVE + SEGMENT, MIB])).toBeNull();
});

test('closing waits for what is being loaded; arguments that are none are refused', async () => {
  const file = create(newPath(), 32 * MIB);
  const call = (...parameters: unknown[]): unknown =>
    Reflect.apply(file.load, file, parameters as Parameters<NativeFile['load']>);
  expect(thrown(() => call(Float64Array.of(0, 1), () => {}))).toMatchObject({
    code: 'ERR_NOT_MAPPED',
  });
  mapped(file);
  for (const ranges of [
    [-1, 1],
    [0, -1],
    [Number.NaN, 1],
    [0, 2 ** 60],
  ]) {
    expect(thrown(() => call(Float64Array.from(ranges), () => {}))).toBeInstanceOf(RangeError);
  }
  for (const wrong of [[0, 1], null, new Uint8Array(2)]) {
    expect(thrown(() => call(wrong, () => {}))).toBeInstanceOf(TypeError);
  }
  expect(thrown(() => call(Float64Array.of(0, 1)))).toBeInstanceOf(TypeError);
  for (let i = 0; i < 8; i++) void load(file, [4 * i * MIB, 4 * MIB]);
  file.close();
  expect(thrown(() => call(Float64Array.of(0, 1), () => {}))).toMatchObject({
    code: 'ERR_CLOSED',
  });
});
