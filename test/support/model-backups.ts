/** Backups of the model test: pieces in memory, each with the state that it has to restore. */

import { rmSync } from 'node:fs';
import { Readable, Writable } from 'node:stream';
import { type Database, open, restore } from '../../src/index.ts';
import { newPath } from './fresh-database.ts';
import { checkAll, same } from './model-reads.ts';
import { copyState, type ModelState } from './model-store.ts';

interface Piece {
  readonly bytes: Buffer;
  readonly transaction: number;
  readonly state: ModelState;
}

export class ModelBackups {
  private pieces: Piece[] = [];

  /** Adds a piece: a full backup, or an increment to those that are there. */
  async take(db: Database, state: ModelState, full: boolean, compact: boolean): Promise<void> {
    const since = full || compact ? undefined : this.pieces.at(-1)?.transaction;
    const parts: Buffer[] = [];
    const target = new Writable({
      write(part: Buffer, _encoding, done) {
        parts.push(Buffer.from(part));
        done();
      },
    });
    const options = { compact, ...(since === undefined ? {} : { since }) };
    const { transaction, bytes } = await db.backup(target, options);
    const piece = { bytes: Buffer.concat(parts), transaction, state: copyState(state) };
    same(piece.bytes.length, bytes, 'the length of a piece');
    if (compact) await check([piece]);
    else if (since === undefined) this.pieces = [piece];
    else this.pieces.push(piece);
  }

  /** Restores the first `count` pieces, at least one, and compares. */
  async check(count: number): Promise<void> {
    const first = this.pieces.slice(0, 1 + (count % Math.max(1, this.pieces.length)));
    if (first.length > 0) await check(first);
  }

  clear(): void {
    this.pieces = [];
  }
}

async function check(pieces: readonly Piece[]): Promise<void> {
  const path = newPath();
  try {
    await restore(
      pieces.map(({ bytes }) => Readable.from([bytes])),
      path,
    );
    using db = open(path, { addressSpace: 2 ** 30 });
    const { state } = pieces.at(-1)!;
    // A store that was only asked for is in the file from the next write on.
    const wanted = [...state.values()].filter((model) => model.present);
    for (const { name } of db.stores()) {
      same(
        wanted.some(({ kind }) => kind.name === name),
        true,
        `store ${name} of a restored one`,
      );
    }
    checkAll((name) => db.store(name, state.get(name)!.kind.options), state);
    same((await db.verify()).problems, [], 'problems of a restored database');
  } finally {
    for (const name of [path, `${path}-lock`]) rmSync(name, { force: true });
  }
}
