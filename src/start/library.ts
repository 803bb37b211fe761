/** Loading the library, which is one file, dist/bundle/library.cjs, with the code kept of it. */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';
import { codePath, keptCode, type Source } from './code-cache.ts';

type Exports = typeof import('../index.ts');

interface LibrarySource extends Source {
  readonly text: Buffer;
}

/** What the library exports. */
export function loadLibrary(url: URL): Exports {
  const source = readLibrary(url);
  const code = keptCode(codePath(url), source);
  const library = code && runLibrary(source, code);
  return library?.exports ?? createRequire(url)(source.path);
}

/** The library as it lies on the disk. */
export function readLibrary(url: URL): LibrarySource {
  const path = fileURLToPath(url);
  return { path, text: readFileSync(path) };
}

/**
 * Runs the library as `require` does, with code kept of it; and gives the script, which can tell
 * what V8 has compiled by then. Undefined in a context of `vm`, as some test runners give each
 * file: the library would make its arrays and errors of other classes than the file has.
 */
export function runLibrary(
  { path, text }: LibrarySource,
  code?: Uint8Array,
): { readonly exports: Exports; readonly script: Script } | undefined {
  // It is ASCII: scripts/bundle.mjs.
  const inside = text.toString('latin1');
  const wrapped = `(function (exports, require, module, __filename, __dirname) { ${inside}\n})`;
  const options = code === undefined ? {} : { cachedData: code };
  const script = new Script(wrapped, { filename: path, ...options });
  const run: unknown = script.runInThisContext();
  if (!(run instanceof Function)) return undefined;
  const module = { exports: {} };
  run(module.exports, createRequire(path), module, path, dirname(path));
  return { exports: module.exports as Exports, script };
}
