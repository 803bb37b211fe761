/**
 * Fails where the code breaks a rule of style that no other tool checks. Each message names what to
 * write instead.
 *
 *     node scripts/check-style.mjs [FOLDER]         FOLDER: the checkout, this one by default
 */

import { listFiles, readSource, withoutComments, withoutStrings } from './sources.mjs';
import { root as ourRoot } from './steps.mjs';

const maxFileLines = 600;
const askAtFileLines = 400;
const maxLineColumns = 100;

const root = process.argv[2] ?? ourRoot;
const problems = [];
const questions = [];

const source = listFiles(root, 'src', /\.ts$/);
const everywhere = ['src', 'native', 'test', 'bench', 'examples', 'scripts'].flatMap((folder) =>
  listFiles(root, folder, /\.(ts|mjs|js|cc|h)$/),
);
for (const path of everywhere) checkName(path);
for (const path of source) {
  const text = readSource(root, path);
  checkLength(path, text);
  checkWords(path, text);
}

for (const question of questions) console.log(`note: ${question}`);
for (const problem of problems) console.error(problem);
if (problems.length === 0) console.log(`${everywhere.length} files keep the style`);
process.exitCode = problems.length === 0 ? 0 : 1;

/** No file or folder that could hold anything. */
function checkName(path) {
  for (const name of path.split('/')) {
    const vague = name
      .split(/[-_.]/)
      .find((word) => /^(utils?|helpers?|common|misc|manager)$/.test(word));
    if (vague !== undefined) {
      problems.push(`${path}: "${vague}" says nothing; name it after what it does or exports`);
    }
  }
}

function checkLength(path, text) {
  const lines = text.replace(/\n$/, '').split('\n');
  if (lines.length > maxFileLines) {
    problems.push(
      `${path}: ${lines.length} lines, at most ${maxFileLines}; move its second subject to a file of its own`,
    );
  } else if (lines.length > askAtFileLines) {
    questions.push(`${path}: ${lines.length} lines; what is its second subject?`);
  }
  lines.forEach((line, index) => {
    if (line.length > maxLineColumns) {
      problems.push(
        `${path}:${index + 1}: ${line.length} columns, at most ${maxLineColumns}; break the line`,
      );
    }
  });
}

/** Words with a better one: `node` for a page, `any`, `enum`. */
function checkWords(path, text) {
  const code = withoutStrings(text);
  for (const match of code.matchAll(/(?<![.\w$])[A-Za-z_$][\w$]*/g)) {
    const word = match[0];
    const parts = word
      .replace(/([a-z\d])([A-Z])/g, '$1 $2')
      .toLowerCase()
      .split(/[ _$]+/);
    if (word !== 'NodeJS' && parts.some((part) => part === 'node' || part === 'nodes')) {
      report(match, `${word}: never "node"; write page, leaf, branch or entry`);
    }
  }
  for (const match of code.matchAll(/\bas\s+any\b|<any>/g)) {
    report(match, `${match[0]}: write unknown, and check it`);
  }
  for (const match of withoutComments(code).matchAll(/^\s*(?:export |const |declare )*enum\s/gm)) {
    report(match, 'enum: write a union of string literals, or const numbers');
  }

  function report(match, message) {
    const line = code.slice(0, match.index + match[0].search(/\S/)).split('\n').length;
    problems.push(`${path}:${line}: ${message}`);
  }
}
