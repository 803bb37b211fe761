/**
 * Contents of pages and meta slots, by number: the state of a machine names what a page holds by one
 * number, and two states with the same numbers hold the same bytes. Content 0 is all zeros.
 */

import { META_SLOT_BYTES } from '../../src/format/geometry.ts';

export const PAGE_BYTES = 256;

const byText = new Map<string, number>();
const all: Uint8Array[] = [new Uint8Array(META_SLOT_BYTES)];

/** The number of those bytes. */
export function contentOf(bytes: Uint8Array): number {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  let content = byText.get(text);
  if (content === undefined) {
    content = bytes.some((byte) => byte !== 0) ? all.push(bytes.slice()) - 1 : 0;
    byText.set(text, content);
  }
  return content;
}

export function bytesOf(content: number): Uint8Array {
  return all[content]!;
}

/** How many different contents there are. */
export function contents(): number {
  return all.length;
}
