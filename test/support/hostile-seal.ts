/** Checksums of damaged bytes, made right again, so that what lies behind them is reached. */

import {
  CHUNK_BYTES,
  type Geometry,
  META_SLOT_BYTES,
  META_SLOT_OFFSETS,
} from '../../src/format/geometry.ts';
import type { Meta } from '../../src/format/meta.ts';
import { chunkChecksumAt } from '../../src/format/overflow.ts';
import { hashChunk } from '../../src/pager/chunk-checksum.ts';
import { native } from '../../src/pager/native.ts';
import type { Image, UsedRun } from './hostile-image.ts';

/** Seals the meta slot. */
export function sealMeta(image: Image, slot: number): void {
  const at = META_SLOT_OFFSETS[slot]!;
  image.touch(at, META_SLOT_BYTES);
  native().hash(image.bytes, at + 8, at + META_SLOT_BYTES, 0, 0, image.bytes, at);
}

/** Seals the page that stands there, for that number: the secret is the newest meta's. */
export function sealPage(image: Image, page: number): void {
  const o = image.touchPage(page);
  const [low, high] = seedOf(image.content.newest, page);
  native().hash(image.bytes, o + 8, o + image.pageSize, low, high, image.bytes, o);
}

/** Gives a page that number and birth, and seals it. */
export function sealPageAs(image: Image, page: number, birth: number): void {
  const o = image.touchPage(page);
  const view = new DataView(image.bytes.buffer);
  view.setUint32(o + 8, birth % 2 ** 32, true);
  view.setUint32(o + 12, Math.floor(birth / 2 ** 32), true);
  view.setUint32(o + 16, page, true);
  sealPage(image, page);
}

/** Seals every chunk of a run and its head pages, as far as the file has them. */
export function sealRun(image: Image, { page, length }: UsedRun): void {
  const { geometry, newest } = image.content;
  const heads = geometry.overflowHeads(length);
  const payload = (page + heads) * geometry.pageSize;
  const secret = { low: newest.secretLow, high: newest.secretHigh };
  for (let chunk = 0; chunk * CHUNK_BYTES < length; chunk++) {
    const from = payload + chunk * CHUNK_BYTES;
    const to = payload + Math.min(length, (chunk + 1) * CHUNK_BYTES);
    const at = page * geometry.pageSize + sumAt(chunk, geometry);
    image.touch(at, 8);
    hashChunk(native(), image.bytes, from, to, chunk, secret, image.bytes, at);
  }
  for (let head = 0; head < heads; head++) sealPage(image, page + head);
}

function sumAt(chunk: number, { pageSize, checksumsPerHead }: Geometry): number {
  return chunkChecksumAt(chunk, pageSize, checksumsPerHead);
}

/** The secret + the page's number, 64-bit wrapping, in two words. */
function seedOf({ secretLow, secretHigh }: Meta, page: number): [low: number, high: number] {
  const low = (secretLow >>> 0) + page;
  const carry = low >= 2 ** 32 ? 1 : 0;
  return [low >>> 0, ((secretHigh >>> 0) + carry) >>> 0];
}
