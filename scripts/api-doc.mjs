// Writes docs/api.md from the declarations that the compiler makes of the public names: the
// docstrings in src/ are the documentation. `--check` compares instead, and exits 1 when they differ.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../', import.meta.url);

/** Sections in reading order; a name that is exported and stands in none of them is an error. */
const SECTIONS = [
  ['Opening', ['open', 'OpenOptions', 'Durability', 'restore']],
  ['Database', ['Database', 'WriteOptions', 'StoreInfo', 'DatabaseStats']],
  [
    'Stores',
    [
      'Store',
      'StoreOf',
      'StoreRef',
      'StoreOptions',
      'KeyOf',
      'ValueOf',
      'PutOptions',
      'ValueSource',
      'RemoveOptions',
    ],
  ],
  [
    'Reading',
    [
      'Reader',
      'Snapshot',
      'RangeOptions',
      'Prefix',
      'Leading',
      'Lazy',
      'Entry',
      'ValueView',
      'Blob',
      'BlobRange',
    ],
  ],
  ['Transactions', ['WriteTransaction', 'ManualTransaction']],
  [
    'Codecs',
    ['Key', 'KeyCodec', 'KeyCodecName', 'KeyTypes', 'ValueCodec', 'ValueCodecName', 'ValueTypes'],
  ],
  [
    'Long work',
    [
      'LongWork',
      'VerifyOptions',
      'WatchOptions',
      'VerifyReport',
      'CompactReport',
      'BackupOptions',
      'BackupReport',
      'BackupSource',
      'BackupTarget',
    ],
  ],
];

const INTRODUCTION = `# API

Made from the docstrings by \`node scripts/api-doc.mjs\`; a test holds it to the code. Times are in
milliseconds, sizes in bytes.
`;

const ERRORS = `
## Errors

Bad arguments are TypeError or RangeError. All others are a CoppiceError with a stable \`code\` and, where
there is one, the \`cause\`; each code has a class of its own with the figures that belong to it.

`;

/** All declarations, by name: the text from its docstring to its end. */
function declarations() {
  const found = new Map();
  const folder = new URL('dist/', root);
  for (const file of readdirSync(folder, { recursive: true })) {
    if (!file.endsWith('.d.ts')) continue;
    const text = readFileSync(new URL(file.replaceAll('\\', '/'), folder), 'utf8');
    const lines = text.split('\n');
    lines.forEach((line, at) => {
      const name = /^export (?:declare )?(?:interface|class|type|function|const) (\w+)/.exec(
        line,
      )?.[1];
      if (name === undefined || found.has(name)) return;
      found.set(name, { doc: docAbove(lines, at), code: declarationAt(lines, at) });
    });
  }
  return found;
}

function docAbove(lines, at) {
  if (lines[at - 1]?.trim().endsWith('*/') !== true) return '';
  let from = at - 1;
  while (!lines[from].includes('/**')) from--;
  return lines
    .slice(from, at)
    .map((line) => line.replace(/^\s*(\/\*\*|\*\/|\*)?\s?/, '').replace(/\s*\*\/$/, ''))
    .join('\n')
    .trim();
}

function declarationAt(lines, at) {
  let depth = 0;
  for (let end = at; end < lines.length; end++) {
    for (const sign of lines[end]) depth += sign === '{' ? 1 : sign === '}' ? -1 : 0;
    if (depth === 0 && /[;}]$/.test(lines[end])) {
      return withoutPrivate(lines.slice(at, end + 1))
        .join('\n')
        .replace(/^export (declare )?/, '');
    }
  }
  throw new Error(`no end of the declaration: ${lines[at]}`);
}

/** A class without its private members, and without the docstrings that belong to them. */
function withoutPrivate(lines) {
  const kept = [];
  for (const line of lines) {
    if (/^ {4}(private|protected) /.test(line)) {
      if (kept.at(-1)?.trim().endsWith('*/')) {
        while (!kept.at(-1).includes('/**')) kept.pop();
        kept.pop();
      }
      continue;
    }
    kept.push(line.replace(/^ {4}/, '  '));
  }
  return kept;
}

function exportedNames() {
  const index = readFileSync(new URL('src/index.ts', root), 'utf8');
  const names = [];
  for (const [, list] of index.matchAll(/export (?:type )?\{([^}]*)\}/g)) {
    names.push(...list.split(',').map((name) => name.trim().replace(/^type /, '')));
  }
  return names.filter((name) => name !== '');
}

function errorTable(all) {
  const source = readFileSync(new URL('src/errors.ts', root), 'utf8');
  const rows = [];
  for (const [, name, body] of source.matchAll(
    /export class (\w+) extends CoppiceError \{(.*?)\n\}/gs,
  )) {
    const code = /'([A-Z_]+)'/.exec(body)?.[1];
    if (code === undefined) continue;
    const doc = all.get(name)?.doc.replaceAll('\n', ' ') ?? '';
    rows.push(`| \`${code}\` | \`${name}\` | ${doc} |`);
  }
  return ['| code | class | when |', '| --- | --- | --- |', ...rows].join('\n');
}

export function apiDocument() {
  const all = declarations();
  const listed = new Set(SECTIONS.flatMap(([, names]) => names));
  for (const name of exportedNames()) {
    if (!listed.has(name))
      throw new Error(`"${name}" is exported, but has no place in api-doc.mjs`);
  }
  const parts = [INTRODUCTION];
  for (const [title, names] of SECTIONS) {
    parts.push(`\n## ${title}\n`);
    for (const name of names) {
      const { doc, code } = all.get(name) ?? { doc: '', code: undefined };
      if (code === undefined) throw new Error(`there is no declaration of "${name}"`);
      parts.push(`\n### ${name}\n\n${doc === '' ? '' : `${doc}\n\n`}\`\`\`ts\n${code}\n\`\`\`\n`);
    }
  }
  return `${parts.join('')}${ERRORS}${errorTable(all)}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const target = new URL('docs/api.md', root);
  const made = apiDocument();
  if (process.argv.includes('--check')) {
    if (readFileSync(target, 'utf8') !== made) {
      console.error('docs/api.md is not what the docstrings say. Run: node scripts/api-doc.mjs');
      process.exit(1);
    }
  } else {
    writeFileSync(target, made);
  }
}
