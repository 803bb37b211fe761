// docs/api.md is made from the docstrings; README and docs have examples that compile and run.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The TypeScript examples of a document that stand for themselves: they import from 'coppice'. */
function examples(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(/```ts\n(.*?)```/gs)]
    .map((match) => match[1] ?? '')
    .filter((code) => code.includes("from 'coppice'"));
}

describe('docs/api.md', () => {
  it('is what the docstrings say', () => {
    const script = join(root, 'scripts/api-doc.mjs');
    const run = (): string =>
      execFileSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
    expect(run).not.toThrow();
  });
});

describe('the examples in the documents', () => {
  const documents = ['README.md', ...readdirSync(join(root, 'docs')).map((file) => `docs/${file}`)];
  const found = documents
    .filter((file) => file.endsWith('.md'))
    .flatMap((file) => examples(file).map((code, i) => ({ name: `${file} #${i + 1}`, code })));

  it('are there', () => {
    expect(found.map(({ name }) => name)).toContain('README.md #1');
  });

  it('compile and run', { timeout: 60_000 }, () => {
    // Inside the checkout, so that 'coppice' is found by its own name; ignored by git.
    mkdirSync(join(root, 'out'), { recursive: true });
    const folder = mkdtempSync(join(root, 'out', 'doc-examples-'));
    const work = mkdtempSync(join(tmpdir(), 'coppice-doc-examples-'));
    try {
      found.forEach(({ code }, i) => {
        writeFileSync(join(folder, `example-${i}.ts`), code);
      });
      writeFileSync(
        join(folder, 'tsconfig.json'),
        JSON.stringify({
          extends: join(root, 'tsconfig.json'),
          compilerOptions: {
            noEmit: false,
            declaration: false,
            isolatedDeclarations: false,
            noUnusedLocals: false,
            outDir: folder,
            rootDir: folder,
            paths: {},
          },
          include: ['*.ts'],
        }),
      );
      const tsc = join(root, 'node_modules/typescript/bin/tsc');
      execFileSync(process.execPath, [tsc, '-p', folder], { stdio: 'pipe', encoding: 'utf8' });
      found.forEach((_, i) => {
        const program = join(folder, `example-${i}.js`);
        execFileSync(process.execPath, [program], { cwd: work, stdio: 'pipe' });
      });
    } finally {
      rmSync(folder, { recursive: true });
      rmSync(work, { recursive: true });
    }
  });
});
