/** Pieces of a backup that are damaged, as they are or sealed again. */

import { join } from 'node:path';
import { META_SLOT_BYTES } from '../../src/format/geometry.ts';
import {
  INCREMENT_HEADER_BYTES,
  SECTION_HEADER_BYTES,
  sealSection,
  sectionSpan,
} from '../../src/format/increment.ts';
import { open } from '../../src/index.ts';
import { createFile } from '../../src/pager/create-file.ts';
import { native } from '../../src/pager/native.ts';
import { boundary, type Draw, PLAIN_DAMAGE } from './hostile-damage.ts';
import { contentOf, Image } from './hostile-image.ts';
import { SEALED_DAMAGE } from './hostile-sealed.ts';
import { Dice } from './process-random.ts';

export interface PieceCase {
  readonly id: number;
  readonly pieces: readonly Uint8Array[];
  /** Nothing was sealed: `restore` has to refuse. */
  readonly exact: boolean;
}

/** A full backup and two increments. */
export async function makePieces(
  folder: string,
  read: (path: string) => Uint8Array,
): Promise<Uint8Array[]> {
  const path = join(folder, 'backed-up.coppice');
  createFile(path, 512);
  const db = open(path);
  const store = db.store('numbers', { key: 'u32', value: 'bytes' });
  const pieces: Uint8Array[] = [];
  let since: number | undefined;
  for (let round = 0; round < 3; round++) {
    await store.putMany(
      Array.from({ length: 60 }, (_, i) => [i * (round + 2), new Uint8Array(12 + round).fill(i)]),
    );
    await store.put(1000 + round, new Uint8Array(700 + round).fill(round));
    const target = join(folder, `piece-${round}`);
    const { transaction } = await db.backup(target, since === undefined ? {} : { since });
    since = transaction;
    pieces.push(read(target));
  }
  await db.close();
  return pieces;
}

export class PieceCases {
  private readonly pieces: readonly Uint8Array[];
  private readonly image: Image;

  constructor(pieces: readonly Uint8Array[]) {
    this.pieces = pieces;
    this.image = new Image(pieces[0]!, contentOf(pieces[0]!));
  }

  make(id: number): PieceCase {
    const dice = new Dice('pieces', id);
    const pieces = [...this.pieces];
    const sealed = dice.below(2) === 0;
    const which = dice.below(4);
    if (which === 0) pieces[0] = this.damagedImage(dice, sealed);
    else if (which < 3) pieces[which] = damagedIncrement(this.pieces[which]!, dice, sealed);
    else this.disorder(dice, pieces);
    const changed = pieces.some(
      (piece, i) => Buffer.compare(piece, this.pieces[i] ?? new Uint8Array(0)) !== 0,
    );
    return { id, pieces, exact: which < 3 && !sealed && changed };
  }

  /** The image, as a database file is damaged. */
  private damagedImage(dice: Dice, sealed: boolean): Uint8Array {
    const { image } = this;
    const draw: Draw = { image, dice, older: this.pieces[0]! };
    dice.pick(sealed ? SEALED_DAMAGE : PLAIN_DAMAGE)(draw);
    const { lengthBytes } = image;
    const bytes = new Uint8Array(lengthBytes);
    bytes.set(image.bytes.subarray(0, lengthBytes));
    image.mend();
    return bytes;
  }

  /** Whole pieces in another order, twice, or with one that is not there. */
  private disorder(dice: Dice, pieces: Uint8Array[]): void {
    const kind = dice.below(3);
    if (kind === 0) pieces.reverse();
    else if (kind === 1) pieces.splice(1, 1);
    else pieces[dice.below(3)] = dice.pick(this.pieces);
  }
}

/** Bits, lengths and fields of an increment; with `sealed` all its checksums are right. */
function damagedIncrement(whole: Uint8Array, dice: Dice, sealed: boolean): Uint8Array {
  const bytes = Uint8Array.from(whole);
  const view = new DataView(bytes.buffer);
  if (!sealed) {
    const kind = dice.below(4);
    if (kind === 0) return bytes.subarray(0, dice.below(bytes.length));
    if (kind === 1) return Uint8Array.from([...bytes, ...new Uint8Array(1 + dice.below(900))]);
    const at = dice.below(kind === 2 ? bytes.length : 700);
    bytes[at]! ^= 1 << dice.below(8);
    return bytes;
  }
  const spans = sectionsOf(bytes);
  const kind = dice.below(4);
  if (kind === 0) view.setUint32(16 + 4 * dice.below(10), boundary(dice, 32), true);
  else if (kind === 1) {
    view.setUint32(128 + 16 + 4 * dice.below(33), boundary(dice, 32), true);
  } else if (kind === 2) {
    const span = dice.pick(spans);
    view.setUint32(span.at + 8 + 4 * dice.below(2), boundary(dice, 32), true);
  } else {
    bytes[INCREMENT_HEADER_BYTES + dice.below(bytes.length - INCREMENT_HEADER_BYTES)]! ^= 1;
  }
  seal(bytes, spans);
  return bytes;
}

/** The increment with that many pages by its meta, sealed. */
export function withFilePages(whole: Uint8Array, filePages: number): Uint8Array {
  const bytes = Uint8Array.from(whole);
  new DataView(bytes.buffer).setUint32(128 + 128, filePages, true);
  seal(bytes, sectionsOf(bytes));
  return bytes;
}

interface Span {
  readonly at: number;
  readonly length: number;
}

/** Where the sections lie, and the end. */
function sectionsOf(bytes: Uint8Array): Span[] {
  const pageSize = new DataView(bytes.buffer).getUint32(20, true);
  const spans: Span[] = [];
  for (let at = INCREMENT_HEADER_BYTES; at < bytes.length; ) {
    const { count } = sectionSpan(bytes.subarray(at, at + SECTION_HEADER_BYTES));
    const length = SECTION_HEADER_BYTES + count * pageSize;
    spans.push({ at, length });
    at += length;
  }
  return spans;
}

function seal(bytes: Uint8Array, spans: readonly Span[]): void {
  const hash = (
    from: Uint8Array,
    start: number,
    end: number,
    low: number,
    high: number,
    target: Uint8Array,
  ): void => native().hash(from, start, end, low, high, target, 0);
  const meta = bytes.subarray(128, 128 + META_SLOT_BYTES);
  hash(meta, 8, META_SLOT_BYTES, 0, 0, meta);
  const header = bytes.subarray(0, INCREMENT_HEADER_BYTES);
  hash(header, 8, INCREMENT_HEADER_BYTES, 0, 0, header);
  spans.forEach(({ at, length }, index) => {
    const section = bytes.subarray(at, at + length);
    const { firstPage, count } = sectionSpan(section);
    sealSection(section, header, index, firstPage, count, hash);
  });
}
