/** Damage as disks and people make it: nothing is sealed, so every checksum can find it. */

import { META_SLOT_BYTES, META_SLOT_OFFSETS } from '../../src/format/geometry.ts';
import type { Image } from './hostile-image.ts';
import type { Dice } from './process-random.ts';

/** What a case draws from. */
export interface Draw {
  readonly image: Image;
  readonly dice: Dice;
  /** The file some transactions ago; empty when there is none. */
  readonly older: Uint8Array;
}

/** A number that code is likely to be wrong about, or any. */
export function boundary(dice: Dice, bits: number): number {
  const top = 2 ** bits;
  const kind = dice.below(10);
  if (kind < 2) return dice.below(top);
  if (kind < 4) return dice.below(Math.min(top, 300));
  if (kind < 5) return 2 ** dice.below(bits);
  if (kind < 6) return 2 ** dice.below(bits) - 1;
  return [0, 1, top - 1, top / 2][kind - 6]!;
}

/** A page of the newest snapshot, or now and then any page. */
export function somePage({ image, dice }: Draw): number {
  const { used, runs } = image.content;
  const kind = dice.below(10);
  if (kind === 0) return dice.below(image.pages);
  if (kind === 1 && runs.length > 0) {
    const run = dice.pick(runs);
    return run.page + dice.below(image.content.geometry.overflowPages(run.length));
  }
  return dice.pick(used).page;
}

/** A byte of what is used: of a meta slot, or of a page. */
function someByte(draw: Draw): number {
  const { image, dice } = draw;
  if (dice.below(5) === 0) return dice.pick(META_SLOT_OFFSETS) + dice.below(META_SLOT_BYTES);
  return somePage(draw) * image.pageSize + dice.below(image.pageSize);
}

export const PLAIN_DAMAGE: readonly ((draw: Draw) => void)[] = [
  /** Flips bits. */
  (draw) => {
    const { image, dice } = draw;
    for (let n = 1 + dice.below(4); n > 0; n--) {
      const at = someByte(draw);
      image.write(at, Uint8Array.of(image.bytes[at]! ^ (1 << dice.below(8))));
    }
  },
  /** Overwrites a stretch. */
  (draw) => {
    const { image, dice } = draw;
    const at = someByte(draw);
    const bytes = new Uint8Array(1 + dice.below(600));
    const kind = dice.below(3);
    if (kind === 1) bytes.fill(255);
    if (kind === 2) for (let i = 0; i < bytes.length; i++) bytes[i] = dice.below(256);
    image.write(at, bytes);
  },
  /** Cuts the file, at a page or inside one. */
  ({ image, dice }) => {
    const kind = dice.below(4);
    if (kind === 0) image.lengthBytes = dice.below(image.bytes.length);
    else if (kind === 1) image.lengthBytes = image.bytes.length - 1 - dice.below(image.pageSize);
    else if (kind === 2) image.lengthBytes = dice.below(16_384);
    else image.lengthBytes = dice.below(image.pages) * image.pageSize;
  },
  /** Appends zeros. */
  ({ image, dice }) => {
    image.lengthBytes = image.bytes.length + 1 + dice.below(4 * image.pageSize);
  },
  /** Two pages change places. */
  (draw) => {
    const { image } = draw;
    const [a, b] = [somePage(draw) * image.pageSize, somePage(draw) * image.pageSize];
    const first = image.bytes.slice(a, a + image.pageSize);
    image.write(a, image.bytes.slice(b, b + image.pageSize));
    image.write(b, first);
  },
  /** A page is written over another. */
  (draw) => {
    const { image } = draw;
    const from = somePage(draw) * image.pageSize;
    image.write(somePage(draw) * image.pageSize, image.bytes.slice(from, from + image.pageSize));
  },
  /** A page, or a part of it, is as it was: a lost write. */
  (draw) => {
    const { image, dice, older } = draw;
    const at = somePage(draw) * image.pageSize;
    const length = dice.below(2) === 0 ? image.pageSize : image.pageSize / 2;
    image.write(at, older.slice(at, at + length));
  },
  /** A meta slot is as it was, or is written to another's place. */
  ({ image, dice, older }) => {
    const at = dice.pick(META_SLOT_OFFSETS);
    const source = dice.below(2) === 0 && older.length > 0 ? older : image.bytes;
    const from = dice.pick(META_SLOT_OFFSETS);
    image.write(at, source.slice(from, from + META_SLOT_BYTES));
  },
  /** A page, or a meta slot, is zero. */
  (draw) => {
    const { image, dice } = draw;
    if (dice.below(4) === 0)
      image.write(dice.pick(META_SLOT_OFFSETS), new Uint8Array(META_SLOT_BYTES));
    else image.write(somePage(draw) * image.pageSize, new Uint8Array(image.pageSize));
  },
];
