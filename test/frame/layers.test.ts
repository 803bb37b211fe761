import { expect, test } from 'vitest';
import { runOn } from './checks.ts';

const layers = (files: Record<string, string>) => runOn('check-layers.mjs', files);

test('an import of a layer before is kept', () => {
  const { status, stderr } = layers({
    'src/assert.ts': 'export const one = 1;\n',
    'src/format/leaf.ts': "import { one } from '../assert.ts';\nexport const two = one + one;\n",
    'src/pager/file.ts': "export * from '../format/leaf.ts';\n",
    'src/index.ts': "export { two } from './pager/file.ts';\n",
    'src/cli/main.ts': "import { two } from '../index.ts';\nconsole.log(two);\n",
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
});

test.each([
  ['a value', "import { map } from '../pager/map.ts';"],
  ['a type', "import type { Map } from '../pager/map.ts';"],
  ['an import over several lines', "import {\n  map,\n  type Other,\n} from '../pager/map.ts';"],
  ['a re-export', "export * from '../pager/map.ts';"],
  ['an import() of a type', "export type M = import('../pager/map.ts').Map;"],
  ['an import for its effects', "import '../pager/map.ts';"],
])('%s of a layer after is refused', (_, line) => {
  const { status, stderr } = layers({
    'src/pager/map.ts': 'export const map = 1;\n',
    'src/format/leaf.ts': `${line}\n`,
  });
  expect(stderr).toContain(
    'src/format/leaf.ts:1 imports ../pager/map.ts: format may not import pager (layers: errors,',
  );
  expect(status).toBe(1);
});

test('codec and btree keep the order of the list', () => {
  const { stderr } = layers({
    'src/codec/key.ts': 'export const key = 1;\n',
    'src/btree/search.ts': "import { key } from '../codec/key.ts';\nexport const k = key;\n",
  });
  expect(stderr).toContain('btree may not import codec');
});

test('an import in a comment is none', () => {
  const { status } = layers({
    'src/pager/map.ts': 'export const map = 1;\n',
    'src/assert.ts': "// import { map } from './pager/map.ts'\n/* import './pager/map.ts' */\n",
  });
  expect(status).toBe(0);
});

test('files that import each other in a circle are refused', () => {
  const { status, stderr } = layers({
    'src/btree/split.ts': "import { b } from './merge.ts';\nexport const a = b;\n",
    'src/btree/merge.ts': "import type { c } from './run.ts';\nexport type b = c;\n",
    'src/btree/run.ts': "import type { a } from './split.ts';\nexport type c = a;\n",
  });
  expect(stderr).toContain(
    'src/btree/merge.ts -> src/btree/run.ts -> src/btree/split.ts -> src/btree/merge.ts',
  );
  expect(status).toBe(1);
});

test('only pager reaches the native addon', () => {
  const { stderr } = layers({
    'src/pager/native.ts': "export const path = '../../build/Release/coppice.node';\n",
    'src/btree/search.ts': "import { path } from '../pager/native.ts';\nexport const p = path;\n",
    'src/index.ts': "export const other = './other.node';\n",
  });
  expect(stderr).toContain('src/btree/search.ts:1 imports ../pager/native.ts: only src/pager/');
  expect(stderr).toContain('src/index.ts names a .node file');
  expect(stderr).not.toContain('src/pager/native.ts names');
});

test('programs and adapters stand on the public names', () => {
  const { stderr } = layers({
    'src/errors.ts': 'export const e = 1;\n',
    'src/adapters/abstract-level.ts': "import { e } from '../errors.ts';\nexport const f = e;\n",
  });
  expect(stderr).toContain('adapters may import only index');
});

test('what belongs to no layer, to no file or lies outside is refused', () => {
  const { stderr } = layers({
    'src/tools/a.ts': 'export const a = 1;\n',
    'src/index.ts': "import '../test/x.ts';\nimport './gone.ts';\nimport 'coppice';\n",
  });
  expect(stderr).toContain('src/tools/a.ts: src/tools is no layer');
  expect(stderr).toContain('src/index.ts:1 imports ../test/x.ts: it lies outside src/');
  expect(stderr).toContain('src/index.ts:2 imports ./gone.ts: there is no src/gone.ts');
  expect(stderr).toContain('src/index.ts:3 imports coppice: inside src/ import the file itself');
});
