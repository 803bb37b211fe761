/**
 * Our exports against the design contract, api.d.ts beside the checkout: each name of the contract
 * is there and fits, both as what users are given and as what they give.
 */

import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const contract = resolve(root, '../shared/design/api.d.ts');
const folder = join(root, 'out/contract');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What users are given: ours has to be what the contract says. With K and V filled in. */
const GIVEN: Record<string, string> = {
  Database: '',
  Snapshot: '',
  WriteTransaction: '',
  ManualTransaction: '',
  Reader: '',
  Store: '<string, { n: number }>',
  Lazy: '<string>',
  Entry: '<string, number>',
  ValueView: '',
  Blob: '',
  StoreInfo: '',
  DatabaseStats: '',
  VerifyReport: '',
  CompactReport: '',
  BackupReport: '',
  CoppiceError: '',
  ErrorCode: '',
};
/** What users give: the contract's has to be taken by ours. */
const TAKEN: Record<string, string> = {
  OpenOptions: '',
  LongWork: '',
  StoreOptions: '<string, number>',
  RangeOptions: '<string>',
  PutOptions: '',
  Durability: '',
  BackupSource: '',
  BackupTarget: '',
  Key: '',
  KeyCodecName: '',
  ValueCodecName: '',
  KeyCodec: '<string>',
  ValueCodec: '<string>',
};
/** Their members are listed by name as well: what is missing reads better than what does not fit. */
const MANY_MEMBERS = ['Reader', 'Snapshot', 'WriteTransaction', 'ManualTransaction', 'Database'];

/**
 * The contract, with the one thing that ours asks for beside it: the stores that a transaction or
 * snapshot takes are those that db.store made, which carry what the engine knows of them.
 */
function contractOfOurStores(): string {
  const text = readFileSync(contract, 'utf8');
  const definition = "import('../../src/transaction/store-definition.ts').StoreDefinition<K, V>";
  const changed = text.replace(
    'export interface Store<K, V> {',
    (line) => `${line}\n  readonly definition: ${definition}`,
  );
  if (changed === text) throw new Error('the contract has no interface Store<K, V>');
  return changed;
}

function generate(): string {
  const lines = [
    "import type * as Contract from './contract.js';",
    "import * as ours from '../../src/index.ts';",
    "import type * as Ours from '../../src/index.ts';",
  ];
  for (const [name, args] of Object.entries(GIVEN)) {
    if (MANY_MEMBERS.includes(name)) {
      lines.push(
        `export type Missing_${name} = Exclude<keyof Contract.${name}, keyof Ours.${name}>;`,
        `export const missing_${name}: [Missing_${name}] extends [never] ? true : Missing_${name} = true;`,
      );
    }
    lines.push(
      `declare const our_${name}: Ours.${name}${args};`,
      `export const given_${name}: Contract.${name}${args} = our_${name};`,
    );
  }
  for (const [name, args] of Object.entries(TAKEN)) {
    lines.push(
      `declare const their_${name}: Contract.${name}${args};`,
      `export const taken_${name}: Ours.${name}${args} = their_${name};`,
      `declare const own_${name}: Ours.${name}${args};`,
      `export const back_${name}: Contract.${name}${args} = own_${name};`,
    );
  }
  lines.push(
    'export const open: typeof Contract.open = ours.open;',
    'export const restore: typeof Contract.restore = ours.restore;',
  );
  return `${lines.join('\n')}\n`;
}

interface Difference {
  readonly about: string;
  readonly message: string;
}

/** Compiles the comparison; the differences are the compiler's errors. */
async function differences(): Promise<Difference[]> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'contract.d.ts'), contractOfOurStores());
  const generated = generate();
  writeFileSync(join(folder, 'compare.ts'), generated);
  const config = {
    extends: '../../tsconfig.json',
    compilerOptions: { noUnusedLocals: false, isolatedDeclarations: false, declaration: false },
    include: ['compare.ts', 'contract.d.ts'],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const output = await new Promise<string>((done) => {
    execFile(process.execPath, [tsc, '-p', folder, '--pretty', 'false'], (_error, stdout) => {
      done(stdout);
    });
  });
  const lines = generated.split('\n');
  return output.split(/\n(?=\S)/).flatMap((message) => {
    const line = /compare\.ts\((\d+),/.exec(message)?.[1];
    if (message.trim() === '') return [];
    return [{ about: line === undefined ? '' : lines[Number(line) - 1]!, message }];
  });
}

test.skipIf(!existsSync(contract))(
  'our types are those of the design contract',
  async () => {
    const found = await differences();
    expect(found.map(({ about, message }) => `${about}\n${message}`)).toEqual([]);
  },
  120_000,
);
