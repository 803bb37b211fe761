/** An installed package: its files in a folder of their own, and a program that imports it. */

import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeEach, expect, test } from 'vitest';
import { codePath } from '../../src/start/code-cache.ts';
import { newFolder } from '../support/process-children.ts';

const root = resolve(import.meta.dirname, '../..');
const folder = newFolder('installed');
const bundle = join(folder, 'dist/bundle');
const kept = codePath(pathToFileURL(`${bundle}/`));

/** As npm leaves it when it has built the addon, and before it runs postinstall. */
beforeEach(() => {
  rmSync(folder, { recursive: true });
  mkdirSync(join(folder, 'build/Release'), { recursive: true });
  for (const name of ['dist/bundle', 'package.json', 'scripts/postinstall.mjs']) {
    cpSync(join(root, name), join(folder, name), { recursive: true });
  }
  cpSync(join(root, 'build/Release/coppice.node'), join(folder, 'build/Release/coppice.node'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
});

function node(...args: string[]): string {
  return execFileSync(process.execPath, args, { cwd: folder, encoding: 'utf8', stdio: 'pipe' });
}

function postinstall(): void {
  expect(node('scripts/postinstall.mjs')).toBe('');
}

/**
 * What a program says that puts something and reads it, and whether the library was loaded by
 * `require`, without code that was kept. `before` runs before its import.
 */
function program(before = ''): string {
  return node(
    '--input-type=module',
    '--eval',
    `${before}
    const { open, KeyTooLargeError } = await import('./dist/bundle/coppice.js');
    const db = open(':memory:');
    const store = db.store('things', { key: 'string' });
    await store.put('a', { n: 1, bytes: new Uint8Array(2) });
    const error = await store.put('a'.repeat(9999), 1).catch((error) => error);
    const { createRequire } = await import('node:module');
    const required = Object.keys(createRequire(import.meta.url).cache);
    const how = required.some((path) => path.endsWith('library.cjs')) ? 'required' : 'kept';
    console.log(how, JSON.stringify([...store.range()]), error instanceof KeyTooLargeError);
    await db.close();`,
  );
}

const SAID = '[["a",{"n":1,"bytes":{"0":0,"1":0}}]] true\n';
const REQUIRED = `required ${SAID}`;

interface Trial {
  /** Whether V8 refused the code that was kept. */
  readonly rejected: boolean;
  readonly keptBytes: number;
  /** Of the code made before anything has run. */
  readonly emptyBytes: number;
}

/** What comes of the code that was kept in a Node with those flags. */
function trial(...flags: string[]): Trial {
  const program = `
    import { codePath, keptCode } from ${JSON.stringify(join(root, 'dist/start/code-cache.js'))};
    import { readLibrary, runLibrary } from ${JSON.stringify(join(root, 'dist/start/library.js'))};
    const url = new URL(${JSON.stringify(pathToFileURL(join(bundle, 'library.cjs')))});
    const source = readLibrary(url);
    const code = keptCode(codePath(url), source);
    const { script, exports } = runLibrary(source, code);
    exports.open(':memory:').closeSync();
    console.log(JSON.stringify({
      rejected: script.cachedDataRejected,
      keptBytes: code.length,
      emptyBytes: runLibrary(source).script.createCachedData().length,
    }));`;
  return JSON.parse(node(...flags, '--input-type=module', '--eval', program));
}

test('postinstall keeps code that V8 takes, with the functions that a program needs', () => {
  postinstall();
  const { rejected, keptBytes, emptyBytes } = trial();
  expect(rejected).toBe(false);
  expect(keptBytes).toBeGreaterThan(1.4 * emptyBytes);
});

test('V8 with other flags than when the code was kept compiles anew', () => {
  postinstall();
  expect(trial('--max-lazy').rejected).toBe(true);
});

test('a program runs with code that was kept, and without', () => {
  expect(program()).toBe(REQUIRED);
  postinstall();
  expect(program()).toBe(`kept ${SAID}`);
});

test('damaged code, and code of another text, is left alone', () => {
  postinstall();
  const code = readFileSync(kept);
  code.fill(0xff, 2000, 3000);
  writeFileSync(kept, code);
  expect(program()).toBe(REQUIRED);
  postinstall();
  const library = join(bundle, 'library.cjs');
  const text = readFileSync(library, 'utf8');
  // V8 would take the code for a text as long.
  writeFileSync(library, `;${text.slice(0, -1)}`);
  expect(program()).toBe(REQUIRED);
});

test('a realm of its own, as test runners make them, gets the library by require', () => {
  postinstall();
  expect(program('globalThis.Function = class {};')).toBe(REQUIRED);
});

test('an installation that cannot keep the code says so and goes on', () => {
  rmSync(join(folder, 'build/Release/coppice.node'));
  const program = 'scripts/postinstall.mjs 2>&1';
  const said = execFileSync(`"${process.execPath}" ${program}`, {
    cwd: folder,
    encoding: 'utf8',
    shell: true,
  });
  expect(said).toMatch(/^coppice: the code to start with was not kept: .*not built/s);
  expect(existsSync(kept)).toBe(false);
});
