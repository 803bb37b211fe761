// Pieces of a backup that were damaged, given to `restore`.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { THREW } from './exercise.mjs';

export async function runRestoreCase({ open, restore }, folder, test, log) {
  const target = join(folder, 'restored.coppice');
  const paths = test.pieces.map((bytes, i) => {
    const path = join(folder, `piece-${i}`);
    writeFileSync(path, bytes);
    return path;
  });
  try {
    const done = await log.attemptAsync('restore', async () => {
      await restore(paths, target);
      return true;
    });
    if (done === THREW) return;
    if (test.exact) log.fail('a damaged piece was taken for whole');
    const db = log.attempt('open', () => open(target, { create: false, maxReaders: 8 }));
    if (db === THREW) return;
    try {
      const found = await log.attemptAsync('verify', () => db.verify({ collect: true }));
      // Trees are checked by `verify`, and not by `restore`: what it finds must not stop it.
      if (found === THREW) log.fail('verify threw');
      for (const { name } of db.stores()) {
        log.attempt('range', () => {
          for (const _ of db.store(name).range());
        });
      }
    } finally {
      log.attempt('close', () => db.closeSync());
    }
  } finally {
    rmSync(target, { force: true });
    rmSync(`${target}-lock`, { force: true });
  }
}
