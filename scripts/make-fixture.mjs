// Makes the small database that docs/file-format.md dumps and that every later version must read:
// `node scripts/make-fixture.mjs`. Run it only when the format's version changes, and keep the old
// file beside the new one.

import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from '../dist/index.js';

const folder = mkdtempSync(join(tmpdir(), 'coppice-fixture-'));
const path = join(folder, 'small.coppice');
const db = open(path);
const capitals = db.store('capitals', { key: 'string', value: 'string' });
await capitals.putMany([
  ['Bergen', 'fish'],
  ['Berlin', 'Spree'],
  ['Bern', 'Aare'],
]);
await db.close();
copyFileSync(path, new URL('../test/fixtures/version-1.coppice', import.meta.url));
rmSync(folder, { recursive: true });
