/**
 * Puts dist/ together into dist/bundle/, for one file is read in a third of the time of 170:
 *
 *     library.cjs    the library: the compiled code as it is, without its comments, names and lines
 *                    kept. A script, no module: V8 gives out the code that it made of a script.
 *     coppice.js     what a program imports: loads the library (src/start/library.ts)
 *     keep-code.js   run when the package is installed (src/start/keep-code.ts)
 *
 *     node scripts/bundle.mjs
 */

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'rolldown';
import { root } from './steps.mjs';

const dist = join(root, 'dist');
const index = join(dist, 'index.js');

/** A character is one byte then, in the file and in the memory of V8. */
const ascii = {
  name: 'no character but of ASCII',
  generateBundle(_, files) {
    for (const file of Object.values(files)) {
      file.code = file.code.replace(
        /[\u0080-\uffff]/g,
        (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
      );
    }
  },
};

await bundle('library.cjs', 'cjs', index);
await bundle('coppice.js', 'esm', 'exports', await exportsOf(index));
await bundle('keep-code.js', 'esm', join(dist, 'start/keep-code.js'));

/** @param {string} [text] that of the module `input`, when it is none on the disk */
async function bundle(name, format, input, text) {
  await build({
    input,
    // The addon is required by its path: build/ is two folders above dist/bundle/, as above dist/pager/.
    external: [/^node:/],
    platform: 'node',
    logLevel: 'warn',
    plugins: [ascii, ...(text === undefined ? [] : [inMemory(input, text)])],
    output: { file: join(dist, 'bundle', name), format, comments: false },
  });
}

function inMemory(name, text) {
  return {
    name: 'a module in memory',
    resolveId: (id) => (id === name ? id : undefined),
    load: (id) => (id === name ? text : undefined),
  };
}

/**
 * A module that exports what the library does: names of a script are no names to import by. Tools
 * that gather the files of a program see its URL.
 */
async function exportsOf(path) {
  const names = Object.keys(await import(pathToFileURL(path)));
  const loader = JSON.stringify(join(dist, 'start/library.js'));
  return (
    `import { loadLibrary } from ${loader};\n` +
    "const library = new URL('./library.cjs', import.meta.url);\n" +
    `export const { ${names.join(', ')} } = loadLibrary(library);\n`
  );
}
