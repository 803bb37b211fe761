/**
 * Text to UTF-8 and back, strictly: a lone surrogate is refused, and so are bytes that are no
 * UTF-8. (Buffer and TextEncoder turn both into U+FFFD without a word.) A leading U+FEFF is text.
 *
 * Measured (Node 20, ns). Write 16 / 104 ASCII characters: loop 33 / 176, utf8Write 69 / 72. Read 8
 * / 16 / 100 bytes: by char codes 60 / 77 / 326, utf8Slice 74 / 75 / 93, TextDecoder 113 / 116 /
 * 129.
 */

import { unreadable } from './unreadable.ts';

/** Methods of Buffer.prototype that take any Uint8Array as `this`, and String's of ES2024. */
interface ByteText {
  utf8Write(this: Uint8Array, text: string, offset: number, length: number): number;
  utf8Slice(this: Uint8Array, start: number, end: number): string;
}
interface WellFormed {
  isWellFormed(): boolean;
}

const { utf8Write, utf8Slice } = Buffer.prototype as unknown as ByteText;
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const fromCharCode = String.fromCharCode;

/** Up to here a loop over the characters is faster than a call into native code. */
const LOOP_WRITE_LENGTH = 40;
const LOOP_READ_BYTES = 12;
/** So much text is read at once, to be cut. */
const MOST_SHARED_BYTES = 1024;

export function isWellFormed(text: string): boolean {
  return (text as unknown as WellFormed).isWellFormed();
}

/** What to say about a text that is not well formed. */
export function loneSurrogate(subject: string, text: string): TypeError {
  return new TypeError(
    `${subject} has a lone surrogate at index ${loneSurrogateIndex(text)}: ` +
      'half of a character cannot be stored as UTF-8. See String.prototype.toWellFormed.',
  );
}

function loneSurrogateIndex(text: string): number {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c < 0xd800 || c > 0xdfff) continue;
    if (c > 0xdbff || !isTrail(text.charCodeAt(i + 1))) return i;
    i++;
  }
  return -1;
}

/** False also for NaN, which charCodeAt gives past the end. */
export function isTrail(c: number): boolean {
  return c >= 0xdc00 && c <= 0xdfff;
}

/**
 * Writes `text` as UTF-8 from `offset`; returns the end, or -1 when `target` is too small.
 * Errors: TypeError for a lone surrogate, naming `subject`.
 */
export function writeUtf8(
  text: string,
  target: Uint8Array,
  offset: number,
  subject: string,
): number {
  const length = text.length;
  if (offset + length > target.length) {
    if (!isWellFormed(text)) throw loneSurrogate(subject, text);
    return -1;
  }
  if (length > LOOP_WRITE_LENGTH && offset + 3 * length <= target.length) {
    if (!isWellFormed(text)) throw loneSurrogate(subject, text);
    return offset + utf8Write.call(target, text, offset, target.length - offset);
  }
  for (let i = 0; i < length; i++) {
    const c = text.charCodeAt(i);
    if (c >= 0x80) return writeWide(text, i, target, offset + i, subject);
    target[offset + i] = c;
  }
  return offset + length;
}

/** The rest of a text, from the first character that is not ASCII. */
function writeWide(
  text: string,
  from: number,
  target: Uint8Array,
  offset: number,
  subject: string,
): number {
  let at = offset;
  for (let i = from; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (at + 4 > target.length && at + utf8Size(c) > target.length) {
      if (!isWellFormed(text)) throw loneSurrogate(subject, text);
      return -1;
    }
    if (c < 0x80) {
      target[at++] = c;
    } else {
      if (c >= 0xd800 && c <= 0xdfff) {
        if (c > 0xdbff || !isTrail(text.charCodeAt(i + 1))) throw loneSurrogate(subject, text);
        at = writeCodePoint(text.codePointAt(i++) ?? 0, target, at);
      } else {
        at = writeCodePoint(c, target, at);
      }
    }
  }
  return at;
}

/** Bytes of the character that starts with this UTF-16 unit, which is no trailing surrogate. */
export function utf8Size(c: number): number {
  return c < 0x80 ? 1 : c < 0x800 ? 2 : c >= 0xd800 && c <= 0xdbff ? 4 : 3;
}

/** Writes a code point of 0x80..0x10ffff, for which there is room; returns the end. */
export function writeCodePoint(code: number, target: Uint8Array, offset: number): number {
  let at = offset;
  if (code < 0x800) {
    target[at++] = 0xc0 | (code >> 6);
  } else {
    if (code < 0x10000) {
      target[at++] = 0xe0 | (code >> 12);
    } else {
      target[at++] = 0xf0 | (code >> 18);
      target[at++] = 0x80 | ((code >> 12) & 0x3f);
    }
    target[at++] = 0x80 | ((code >> 6) & 0x3f);
  }
  target[at++] = 0x80 | (code & 0x3f);
  return at;
}

/**
 * The text whose UTF-8 lies in [start, end).
 * Errors: ValueUnreadableError for bytes that are no UTF-8, naming `codec`.
 */
export function readUtf8(bytes: Uint8Array, start: number, end: number, codec: string): string {
  if (end - start > LOOP_READ_BYTES) return readLong(bytes, start, end, codec);
  let text = '';
  let i = start;
  for (; i + 4 <= end; i += 4) {
    const a = bytes[i] as number;
    const b = bytes[i + 1] as number;
    const c = bytes[i + 2] as number;
    const d = bytes[i + 3] as number;
    if ((a | b | c | d) >= 0x80) return readLong(bytes, start, end, codec);
    text += fromCharCode(a, b, c, d);
  }
  for (; i < end; i++) {
    const a = bytes[i] as number;
    if (a >= 0x80) return readLong(bytes, start, end, codec);
    text += fromCharCode(a);
  }
  return text;
}

function readLong(bytes: Uint8Array, start: number, end: number, codec: string): string {
  try {
    const text = utf8Slice.call(bytes, start, end);
    // utf8Slice makes U+FFFD of what is no UTF-8; a real one is told apart by the strict decoder.
    if (!text.includes('\ufffd')) return text;
    return strictDecoder.decode(bytes.subarray(start, end));
  } catch (cause) {
    throw unreadable(codec, `${end - start} bytes that are no UTF-8 text`, cause);
  }
}

/**
 * As readUtf8 of `count` texts that lie one after the other from byte 0 on, text i up to ends[i];
 * they are left in texts[0, count).
 *
 * Of ASCII one text is made of many, and cut: a call into native code costs more than a cut. A text
 * of 13 characters or more keeps what it was cut from: MOST_SHARED_BYTES at most. Measured (Node
 * 20, 24; ns for 15 bytes): utf8Slice 88, 135; cut 16, 14.
 */
export function readManyUtf8(
  bytes: Uint8Array,
  ends: Int32Array,
  count: number,
  texts: string[],
  codec: string,
): void {
  for (let i = 0, first = 0; i < count; ) {
    let next = i + 1;
    while (next < count && ends[next]! - first <= MOST_SHARED_BYTES) next++;
    const last = ends[next - 1]!;
    const all = utf8Slice.call(bytes, first, last);
    // What is not ASCII has fewer UTF-16 units than bytes, or is no UTF-8, which makes U+FFFD.
    const isAscii = all.length === last - first && !all.includes('\ufffd');
    for (let start = first; i < next; i++) {
      const end = ends[i]!;
      const text = isAscii ? all.substring(start - first, end - first) : undefined;
      texts[i] = text ?? readUtf8(bytes, start, end, codec);
      start = end;
    }
    first = last;
  }
}
