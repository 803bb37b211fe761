// The scenes of every-call.mjs: what a program may do with a database, each from a state that was
// laid out before. A scene goes on after an error as far as it can.
import { join } from 'node:path';
import { prepare, restore } from './program.mjs';

const MIB = 2 ** 20;

/** Opening, each commit, the end: with a database that is new. */
async function create(w) {
  w.empty = true;
  const at = await w.open();
  if (at === undefined) return;
  for (let tries = 0; tries < 2 && w.empty; tries++) {
    if (await w.write('prepare', () => prepare(at.db))) w.empty = false;
  }
  if (w.empty) return w.close(at);
  await w.commit('first', at);
  await w.commit('second', at, { bytes: 20_000 });
  return w.close(at);
}

/** Every way to write, and every durability. */
async function write(w) {
  const at = await w.open({ durability: 'interval' });
  if (at === undefined) return;
  await w.commit('interval', at, { durability: 'interval' });
  await w.commit('small', at);
  await w.commit('large', at, { bytes: 300_000 });
  await w.commit('manual', at, { durability: 'manual', bytes: 5000 });
  await w.flush('flush', at);
  await w.commit('sync', at, { how: 'sync', bytes: 9000 });
  await w.commit('begin', at, { how: 'begin' });
  await w.commit('growth', at, { bytes: 1.2 * MIB });
  await w.commit('interval, sync', at, { how: 'sync', durability: 'interval' });
  await w.close(at, 'closeSync');
}

/** The file becomes shorter: by commits, by compaction, by trim, by closing. */
async function shrink(w) {
  const at = await w.open();
  if (at === undefined) return;
  const ballast = await w.attempt('read', 'store', () =>
    at.db.store('ballast', { key: 'u32', value: 'bytes' }),
  );
  if (ballast === undefined) return w.close(at);
  await w.write('remove most', () => ballast.removeRange({ lt: 500 }));
  await w.commit('cuts', at);
  await w.write('trim', () => at.db.trim());
  await w.write('compact', () => at.db.compact());
  await w.commit('after', at, { bytes: 2 * MIB });
  await w.write('remove the rest', () => ballast.removeRange({}));
  await w.close(at);
}

/** More is born since D than one flush is to bring to the disk. */
async function twoFlushes(w) {
  const at = await w.open({ durability: 'manual' });
  if (at === undefined) return;
  for (const name of ['first', 'second']) {
    await w.commit(name, at, { durability: 'manual', bytes: 6 * MIB });
  }
  await w.commit('two flushes', at, { bytes: 6 * MIB });
  await w.commit('one flush', at);
  await w.close(at);
}

/** Backups of each kind, over nothing and over a file, and what is restored from them. */
async function backup(w) {
  const at = await w.open();
  if (at === undefined) return;
  const in_ = (name) => join(w.folder, name);
  const full = await w.copy('backup', in_('full'), () => at.db.backup(in_('full')));
  const at0 = w.published;
  await w.commit('between', at, { bytes: 30_000 });
  const since = full?.transaction;
  if (full) await w.copy('increment', in_('part'), () => at.db.backup(in_('part'), { since }));
  const both = w.published;
  const small = await w.copy('compact', in_('small'), () =>
    at.db.backup(in_('small'), { compact: true }),
  );
  const over = full && (await w.copy('over a file', in_('full'), () => at.db.backup(in_('full'))));
  await w.close(at);
  if (full) w.others.push({ path: in_('full'), allowed: over ? [both] : [at0, both] });
  if (small) w.others.push({ path: in_('small'), allowed: [both] });
}

/** What a backup leads to. */
async function restoreThem(w) {
  const in_ = (name) => join(w.folder, name);
  const pieces = [in_('full'), in_('part')];
  for (const name of ['restore', 'restore over it']) {
    const made = await w.copy(name, in_('made'), () => restore(pieces, in_('made')));
    if (made) w.others = [{ path: in_('made'), allowed: [7] }];
  }
  if (w.others.length === 0) return;
  const at = await w.open({}, in_('made'));
  if (at !== undefined) await w.close(at);
}

/** Readers of every kind beside a writer, and one writer that waits for another. */
async function share(w) {
  const a = await w.open();
  const b = await w.open({ readOnly: true });
  if (a === undefined || b === undefined) {
    if (a !== undefined) await w.close(a);
    if (b !== undefined) await w.close(b);
    return;
  }
  const snapshot = await w.attempt('read', 'snapshot', () => b.db.snapshot());
  await w.commit('beside', a, { bytes: 6 * MIB });
  await w.read('reading by another handle', b);
  await w.attempt('read', 'verify', () => b.db.verify());
  await w.attempt('read', 'stats', () => b.db.stats());
  snapshot?.close();
  const c = await w.open();
  if (c !== undefined) {
    const tx = await w.attempt('write', 'begin', () => a.db.beginWrite());
    const waits = w.commit('after waiting', c);
    await new Promise((resolve) => setTimeout(resolve, 2));
    tx?.abort();
    await waits;
    await w.close(c);
  }
  await w.close(b);
  await w.commit('last', a);
  await w.close(a);
}

/** Opening after a death. What was published stays; the others say what may. */
function takeover(...allowed) {
  return async (w) => {
    w.allowed = allowed;
    const at = await w.open();
    if (at === undefined) return;
    const n = await w.attempt('read', 'read', () => w.stateOf(at));
    if (n === undefined) return w.close(at);
    if (!allowed.includes(n)) w.problem(`found transaction ${n}, not ${allowed.join(' or ')}`);
    w.published = n;
    w.durable = n;
    w.allowed = undefined;
    await w.commit('after', at);
    return w.close(at);
  };
}

/** `base`: what is laid out; `n`: its transaction. `keeps`: files that may be there in the end. */
export const SCENES = {
  create: { run: create, n: 0 },
  write: { run: write, base: 'plain', n: 5 },
  shrink: { run: shrink, base: 'roomy', n: 5 },
  'two flushes': { run: twoFlushes, base: 'plain', n: 5 },
  backup: { run: backup, base: 'plain', n: 5, keeps: ['full', 'part', 'small', 'made'] },
  restore: { run: restoreThem, base: 'pieces', n: 7, keeps: ['full', 'part', 'made', 'made-lock'] },
  share: { run: share, base: 'plain', n: 5 },
  restarted: { run: takeover(6), base: 'restarted', n: 5 },
  'dead: published': { run: takeover(7, 5), base: 'published', n: 5 },
  'dead: in the pages': { run: takeover(5), base: 'pages', n: 5 },
  'dead: in the flush': { run: takeover(5, 6), base: 'flush', n: 5 },
  'dead: poisoned': { run: takeover(5), base: 'poisoned', n: 5 },
};
