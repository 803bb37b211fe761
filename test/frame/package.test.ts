import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import * as source from '../../src/index.ts';

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

test('binding.gyp is built before postinstall runs, and no script stands in the way', () => {
  // npm does that by itself, unless there is an install script; Yarn would do it last.
  const { scripts, gypfile } = read('package.json');
  expect(scripts.install).toBe('node-gyp rebuild');
  expect(scripts).not.toHaveProperty('preinstall');
  // prepare would run on `npm ci --omit=dev`, without a compiler.
  expect(scripts).not.toHaveProperty('prepare');
  expect(gypfile).not.toBe(false);
});

/** What a new process says that runs this in the checkout, where 'coppice' is the package itself. */
function told(program: string): unknown {
  const args = ['--input-type=module', '--eval', program];
  return JSON.parse(execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8' }));
}

test('what a program imports has the names of src/index.ts', () => {
  const found = told(`
    const names = Object.keys(await import('coppice'));
    const from = import.meta.resolve('coppice');
    console.log(JSON.stringify({ names, from }));
  `);
  expect(found).toEqual({
    names: Object.keys(source).sort(),
    from: expect.stringMatching(/\/dist\/bundle\/coppice\.js$/),
  });
});

test('the bundle works, and finds the addon', () => {
  const found = told(`
    import { open } from 'coppice';
    const db = open(':memory:');
    const store = db.store('things');
    await store.put('a', { n: 1 });
    console.log(JSON.stringify([...store.range()]));
    await db.close();
  `);
  expect(found).toEqual([['a', { n: 1 }]]);
});

test('msgpackr is loaded by the first value that needs it, and by no store without such', () => {
  const found = told(`
    import { createRequire } from 'node:module';
    import { open } from 'coppice';
    const { cache } = createRequire(import.meta.url);
    const loaded = () => Object.keys(cache).some((path) => path.includes('/msgpackr/'));
    const db = open(':memory:');
    const bytes = db.store('bytes', { key: 'string', value: 'bytes' });
    await bytes.put('a', new Uint8Array(1));
    const things = db.store('things', { sharedStructures: true });
    const before = loaded();
    await things.put('a', { n: 1 });
    console.log(JSON.stringify([before, loaded()]));
    await db.close();
  `);
  expect(found).toEqual([false, true]);
});

test('the package holds the bundle, the types and what the addon is built of', () => {
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts'];
  const output = execFileSync('npm', args, { cwd: root, encoding: 'utf8' });
  const [{ files }] = JSON.parse(output);
  const paths = files.map(({ path }: { path: string }) => path);
  expect(paths).toEqual(
    expect.arrayContaining([
      'README.md',
      'LICENSE',
      'binding.gyp',
      'native/mmap.cc',
      'native/LICENSE.xxhash',
      'dist/index.d.ts',
      'dist/store.d.ts',
      'dist/bundle/coppice.js',
    ]),
  );
  const others = paths.filter(
    (path: string) =>
      !/^(dist\/.*\.d\.ts|native\/[^/]+|[A-Z]+(\.md)?|package\.json|binding\.gyp)$/.test(path),
  );
  expect(others.sort()).toEqual([
    'dist/bundle/coppice.js',
    'dist/bundle/keep-code.js',
    'dist/bundle/library.cjs',
    'scripts/postinstall.mjs',
  ]);
});
