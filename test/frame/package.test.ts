import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const read = (name: string) => JSON.parse(readFileSync(resolve(root, name), 'utf8'));

interface Entry {
  resolved?: string;
  version?: string;
  optional?: boolean;
  optionalDependencies?: Record<string, string>;
}

const packages: Record<string, Entry> = read('package-lock.json').packages;

test('the lock file names no registry', () => {
  const named = Object.entries(packages).filter(([, entry]) => entry.resolved !== undefined);
  expect(named).toEqual([]);
});

test('the lock file has every optional package that is asked for', () => {
  // npm leaves one out, without a word, when it is missing from a registry; npm ci then fails.
  const missing = Object.entries(packages).flatMap(([path, entry]) =>
    Object.keys(entry.optionalDependencies ?? {}).filter(
      (name) =>
        packages[`node_modules/${name}`] === undefined &&
        packages[`${path}/node_modules/${name}`] === undefined,
    ),
  );
  expect(missing).toEqual([]);
});

test('no script stands in the way of the build of binding.gyp', () => {
  // npm builds it by itself on install, unless one of these is there.
  const { scripts, gypfile } = read('package.json');
  expect(scripts).not.toHaveProperty('install');
  expect(scripts).not.toHaveProperty('preinstall');
  // prepare would run on `npm ci --omit=dev`, without a compiler.
  expect(scripts).not.toHaveProperty('prepare');
  expect(gypfile).not.toBe(false);
});
