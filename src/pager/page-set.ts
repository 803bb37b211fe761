/**
 * A set of page numbers, in little memory whether it holds three pages of a large file or nearly
 * all of them: a bit a page, in pieces that are made when a page in them is first added.
 */

/** Pages of one piece: 4 KiB of bits. */
const PIECE_PAGES = 32_768;

export class PageSet {
  private readonly pieces: Int32Array[] = [];
  private held = 0;

  /** How many pages it holds. */
  get size(): number {
    return this.held;
  }

  has(page: number): boolean {
    const piece = this.pieces[Math.floor(page / PIECE_PAGES)];
    if (piece === undefined) return false;
    const bit = page % PIECE_PAGES;
    return (piece[bit >> 5]! & (1 << (bit & 31))) !== 0;
  }

  /** Adds `count` pages from `page` on. False: one was there, and those after it are not added. */
  add(page: number, count: number): boolean {
    for (let p = page; p < page + count; p++) {
      const index = Math.floor(p / PIECE_PAGES);
      let piece = this.pieces[index];
      if (piece === undefined) {
        piece = new Int32Array(PIECE_PAGES >> 5);
        this.pieces[index] = piece;
      }
      const bit = p % PIECE_PAGES;
      const mask = 1 << (bit & 31);
      if ((piece[bit >> 5]! & mask) !== 0) return false;
      piece[bit >> 5]! |= mask;
      this.held++;
    }
    return true;
  }

  delete(page: number): void {
    if (!this.has(page)) return;
    const bit = page % PIECE_PAGES;
    this.pieces[Math.floor(page / PIECE_PAGES)]![bit >> 5]! &= ~(1 << (bit & 31));
    this.held--;
  }

  /** The first page >= `from` that it holds, -1 when there is none. */
  next(from: number): number {
    for (let index = Math.floor(from / PIECE_PAGES); index < this.pieces.length; index++) {
      const piece = this.pieces[index];
      if (piece === undefined) continue;
      const first = index * PIECE_PAGES;
      for (let bit = Math.max(0, from - first); bit < PIECE_PAGES; ) {
        const word = piece[bit >> 5]! >>> (bit & 31);
        if (word !== 0) return first + bit + 31 - Math.clz32(word & -word);
        bit = (bit | 31) + 1;
      }
    }
    return -1;
  }

  /** How many pages from `page` on, which it holds, it holds in a row; at most `most`. */
  runLength(page: number, most: number): number {
    let count = 1;
    while (count < most && this.has(page + count)) count++;
    return count;
  }
}
