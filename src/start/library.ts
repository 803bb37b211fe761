/** Loading the library, which is one file, dist/bundle/library.cjs, with the code kept of it. */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';
import { codePath, keptCode } from './code-cache.ts';

type Exports = typeof import('../index.ts');

/** The path of the library. `folder`: the URL of dist/bundle/, or of a file in it. */
export function libraryPath(folder: string): string {
  return fileURLToPath(new URL('library.cjs', folder));
}

/** What the library exports. `folder` as in `libraryPath`. */
export function loadLibrary(folder: string): Exports {
  const path = libraryPath(folder);
  const text = readFileSync(path);
  const code = keptCode(codePath(folder), text);
  const library = code && runLibrary(path, text, code);
  return library?.exports ?? createRequire(folder)(path);
}

/**
 * Runs the library as `require` does, with code kept of it; and gives the script, which can tell
 * what V8 has compiled by then. Undefined in a context of `vm`, as some test runners give each
 * file: the library would make its arrays and errors of other classes than the file has.
 */
export function runLibrary(
  path: string,
  text: Buffer,
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
