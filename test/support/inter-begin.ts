/**
 * The first state of the interleavings: a tiny database with a few commits, made by the engine on the
 * simulator's storage, whose lock file everybody then goes on with.
 */

import { Scratch } from '../../src/btree/scratch.ts';
import { WritableTree } from '../../src/btree/writable-tree.ts';
import { META_SLOT_BYTES, META_SLOT_OFFSETS } from '../../src/format/geometry.ts';
import { readWide, WORD } from '../../src/format/lock-file.ts';
import { PAGE_TYPE } from '../../src/format/page-header.ts';
import { initialise } from '../../src/pager/create-file.ts';
import type { DatabaseIdentity } from '../../src/pager/metas.ts';
import { openFile } from '../../src/pager/open-file.ts';
import { Pager } from '../../src/pager/pager.ts';
import type { Durability, WriteSession } from '../../src/pager/write-session.ts';
import { contentOf, PAGE_BYTES } from './inter-content.ts';
import { AT, type Cells, PAGES, unitOfPage, unitOfSlot } from './inter-machine.ts';
import { beginWith } from './inter-properties.ts';
import { BOOT_ID, FILE_BYTES, OPEN_OPTIONS, SEGMENT_BYTES } from './inter-storage.ts';
import { RecordingStorage } from './recording-storage.ts';
import { SimMachine } from './sim-machine.ts';

const RANDOM = Buffer.from('interleaved databases 24', 'latin1');

class FirstStorage extends RecordingStorage {
  override bootId(): string {
    return BOOT_ID;
  }
}

const KEY: Uint8Array = new TextEncoder().encode('k');

/** A root of the catalogue that this transaction writes: a leaf, the page before it let go of. */
export function changeSomething({ base, pages }: WriteSession): number {
  if (base.cataloguePage !== 0) {
    return pages.touch(base.cataloguePage, base.catalogueBirth, PAGE_TYPE.leaf);
  }
  const none = { page: 0, birth: 0, entries: 0, version: 0 };
  const tree = new WritableTree(pages, none, new Scratch(pages.geometry), 0);
  tree.put(KEY, KEY.length, KEY, 0, KEY.length);
  return tree.root.page;
}

export interface Beginning {
  readonly cells: Cells;
  readonly identity: DatabaseIdentity;
}

/** The state after commits of these durabilities; all that did them is gone. */
export function beginning(durabilities: readonly Durability[]): Beginning {
  const machine = new SimMachine(SEGMENT_BYTES);
  const maker = new FirstStorage(machine);
  initialise(maker, PAGE_BYTES, RANDOM);
  machine.disk.resize(FILE_BYTES);
  maker.close();
  const storage = new FirstStorage(machine);
  const file = openFile(storage, OPEN_OPTIONS);
  const pager = new Pager(file, { lockTimeout: 0, maxGrowth: 0, readOnly: false });
  file.lock.store(WORD.session, 0);
  file.lock.store(WORD.writtenUntil, FILE_BYTES / PAGE_BYTES);
  for (const durability of durabilities) {
    const session = pager.beginWriteSync();
    pager.commitSync(session, changeSomething(session), session.id, durability);
  }
  const cells = new Int32Array(AT.size);
  cells.set(new Int32Array(machine.shared!));
  const bytes = new Uint8Array(PAGE_BYTES);
  for (let page = PAGES.first; page < PAGES.first + PAGES.count; page++) {
    storage.readAt(bytes, page * PAGE_BYTES);
    hold(cells, unitOfPage(page), contentOf(bytes));
  }
  const meta = new Uint8Array(META_SLOT_BYTES);
  META_SLOT_OFFSETS.forEach((offset, slot) => {
    storage.readAt(meta, offset);
    hold(cells, unitOfSlot(slot), contentOf(meta));
  });
  for (let entry = 0; entry < file.lock.entriesUsed; entry++) {
    if (file.lock.isRetained(entry)) beginWith(cells, entry);
  }
  const told = readWide(cells, WORD.lastIdStarted);
  cells[AT.told] = told;
  cells[AT.toldDurable] = file.lock.entryId(file.lock.durableEntry);
  return { cells, identity: file.identity };
}

function hold(cells: Cells, unit: number, content: number): void {
  cells[AT.cache + unit] = content;
  cells[AT.disk + unit] = content;
}
