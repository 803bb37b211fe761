/** Reading source files for the checks: which there are, and what they say without comments. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Files below a folder of the checkout, sorted, as paths from `root` with `/` between.
 *
 * @param {string} root the checkout
 * @param {string} folder such as 'src'
 * @param {RegExp} pattern which names are wanted
 * @returns {string[]} empty when there is no such folder
 */
export function listFiles(root, folder, pattern) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) {
        return entry.name === 'node_modules' ? [] : listFiles(root, path, pattern);
      }
      return pattern.test(entry.name) ? [path] : [];
    });
}

export const readSource = (root, path) => readFileSync(join(root, path), 'utf8');

const stringOrComment =
  /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;
const blank = (text) => text.replace(/[^\n]/g, ' ');

/** The text with its comments blanked; lines and columns stay where they were. */
export const withoutComments = (text) =>
  text.replace(stringOrComment, (all, string) => (string === undefined ? blank(all) : all));

/** The text with comments and the contents of strings blanked. */
export const withoutStrings = (text) => text.replace(stringOrComment, blank);

/**
 * What a file imports: `import` and `export … from`, types too, `import()` and `require()` of a
 * constant.
 *
 * @param {string} text a source file
 * @returns {{ specifier: string, line: number }[]}
 */
export function importsOf(text) {
  const code = withoutComments(text);
  const forms = [
    /\b(?:import|export)\b[^'"`;()]*?\bfrom\s*(['"])([^'"\n]+)\1/g,
    /\bimport\s*(['"])([^'"\n]+)\1/g,
    /\b(?:import|require)\s*\(\s*(['"])([^'"\n]+)\1/g,
  ];
  return forms
    .flatMap((form) => [...code.matchAll(form)])
    .map((match) => ({
      specifier: match[2],
      line: code.slice(0, match.index).split('\n').length,
    }))
    .sort((a, b) => a.line - b.line);
}
