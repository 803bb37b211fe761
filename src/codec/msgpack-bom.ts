/**
 * Without its native addon, msgpackr reads texts of more than 64 bytes with a TextDecoder that
 * drops a leading U+FEFF (a byte order mark). That decoder is out of reach, so while a value is
 * read that has a U+FEFF somewhere, TextDecoder's method is ours. Reading is synchronous; nobody
 * else sees it.
 */

const MARK = [0xef, 0xbb, 0xbf] as const;
const keepingDecoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Runs `read`, which has msgpackr read [start, end) of `bytes`. */
export function withByteOrderMarks(
  bytes: Uint8Array,
  start: number,
  end: number,
  read: () => unknown,
): unknown {
  if (!hasMark(bytes, start, end)) return read();
  const { prototype } = TextDecoder;
  const original = prototype.decode;
  const keep: typeof original = (input, options) => original.call(keepingDecoder, input, options);
  prototype.decode = keep;
  try {
    return read();
  } finally {
    prototype.decode = original;
  }
}

function hasMark(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at + 2 < end; at++) {
    if (bytes[at] === MARK[0] && bytes[at + 1] === MARK[1] && bytes[at + 2] === MARK[2])
      return true;
  }
  return false;
}
