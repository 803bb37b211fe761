import { expect, test } from 'vitest';
import { runOn } from './checks.ts';

const style = (files: Record<string, string>) => runOn('check-style.mjs', files);

test.each([
  ['export const leafNode = 1;', 'leafNode: never "node"; write page, leaf, branch or entry'],
  ['export interface TreeNode {}', 'TreeNode: never "node"'],
  ['export const f = (node: number) => 1;', 'node: never "node"'],
  ['export const NODE_SIZE = 1;', 'NODE_SIZE: never "node"'],
  ['export const x = y as any;', 'as any: write unknown, and check it'],
  ['export enum Kind {}', 'enum: write a union of string literals'],
  [`// ${'x'.repeat(98)}`, '101 columns, at most 100; break the line'],
])('%s', (line, message) => {
  const { status, stderr } = style({ 'src/a.ts': `\n${line}\n` });
  expect(stderr).toContain('src/a.ts:2: ');
  expect(stderr).toContain(message);
  expect(status).toBe(1);
});

test.each([
  "import { open } from 'node:fs';",
  'export type E = NodeJS.ErrnoException;',
  'export const version = process.versions.node;',
  '// a node, as any other enum Kind has it',
  'export const anode = 1, nodule = 2;',
])('%s is well', (line) => {
  expect(style({ 'src/a.ts': `${line}\n` })).toMatchObject({ status: 0, stderr: '' });
});

test('a file is asked at 401 lines and refused at 601', () => {
  const asked = style({ 'src/a.ts': '\n'.repeat(401) });
  expect(asked.stdout).toContain('note: src/a.ts: 401 lines; what is its second subject?');
  expect(asked.status).toBe(0);
  const refused = style({ 'src/a.ts': '\n'.repeat(601) });
  expect(refused.stderr).toContain('src/a.ts: 601 lines, at most 600; move its second subject');
  expect(refused.status).toBe(1);
});

test.each(['src/utils.ts', 'src/btree/page-helpers.ts', 'test/common/a.ts', 'native/misc.cc'])(
  'the name of %s is refused',
  (path) => {
    expect(style({ [path]: '' }).stderr).toContain('says nothing; name it after what it does');
  },
);
