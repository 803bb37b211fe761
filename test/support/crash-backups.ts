/**
 * Backups taken on a simulated machine while others write, and what is restored from them: each is
 * exactly the snapshot that was D when it began, whatever was overwritten, moved, cut or punched since.
 */

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { PackPass } from '../../src/btree/pack.ts';
import type { Durability } from '../../src/pager/write-session.ts';
import { Pace } from '../../src/transaction/pace.ts';
import { imagePiece } from '../../src/upkeep/backup-image.ts';
import { incrementPiece } from '../../src/upkeep/backup-increment.ts';
import type { BackupPiece } from '../../src/upkeep/backup-piece.ts';
import { restore } from '../../src/upkeep/restore.ts';
import type { Explorer, Moment } from './crash-explorer.ts';
import { Run, some } from './crash-workloads.ts';
import type { DiskImage } from './sim-disk.ts';
import { History, type Mix, type SimState } from './sim-history.ts';
import { SimMachine } from './sim-machine.ts';
import { SimProcess } from './sim-process.ts';

const ALL: readonly Durability[] = ['commit', 'interval', 'manual'];

/** A piece with what its snapshot holds. */
interface TakenPiece {
  readonly bytes: Buffer;
  readonly id: number;
  readonly state: SimState;
}

/** A full backup and increments, each taken while another process writes, compacts and cuts. */
export async function backups(explorer: Explorer): Promise<Moment[]> {
  const { random } = explorer;
  const run = new Run(explorer);
  const writer = run.open();
  const keeper = run.open();
  const mix: Mix = { ...explorer.options.mix, keys: 300, puts: 20, removes: 12, overflow: 0.2 };
  for (let i = 0; i < 6; i++) writer.commit(run.changes(mix), random.pick(ALL));
  writer.flush();
  run.moments.length = 0;
  const write = async (): Promise<void> => {
    writer.commit(run.changes(mix), random.pick(ALL));
    if (!random.chance(0.3)) return;
    const { pagesInUse } = writer.published;
    const kind = random.pick(['fill', 'runs', 'pages'] as const);
    writer.pack(new PackPass(kind, pagesInUse, explorer.options.sim.pageSize), pagesInUse, 6);
    await writer.pager.giveBack();
  };
  const pieces: TakenPiece[] = [];
  for (let i = 0; i < 4; i++) {
    pieces.push(await take(keeper, pieces.at(-1)?.id, write));
    for (let n = random.below(3); n > 0; n--) writer.commit(run.changes(mix), random.pick(ALL));
    writer.flush();
  }
  for (let count = 1; count <= pieces.length; count++) {
    await checkRestored(explorer, pieces.slice(0, count));
    explorer.met.restored++;
  }
  run.check(writer);
  writer.close();
  // A few of the moments, so that more backups are taken for as many images.
  return some(run.end(), 2, random);
}

async function take(
  keeper: SimProcess,
  since: number | undefined,
  write: () => Promise<void>,
): Promise<TakenPiece> {
  const { pager } = keeper;
  const roots = pager.readers.pinDurable();
  const source = {
    pager,
    pages: pager.strictPages(),
    roots,
    pace: new Pace(() => {}),
    progress: () => {},
  };
  await write();
  const piece: BackupPiece =
    since === undefined ? await imagePiece(source) : await incrementPiece(source, since);
  const parts: Buffer[] = [];
  for await (const { length, bytes } of piece.parts) {
    parts.push(bytes === undefined ? Buffer.alloc(length) : Buffer.from(bytes));
    if (parts.length < 6) await write();
  }
  pager.readers.unpin(roots.id);
  const state = keeper.history.stateOf(roots.id);
  return { bytes: Buffer.concat(parts), id: roots.id, state };
}

/** Restores the pieces, opens the result on a machine of its own, and compares it. */
async function checkRestored(explorer: Explorer, pieces: readonly TakenPiece[]): Promise<void> {
  const { sim } = explorer.options;
  const { id, state } = pieces.at(-1)!;
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'coppice-sim-'));
  try {
    const path = join(folder, 'restored');
    await restore(
      pieces.map(({ bytes }) => Readable.from([bytes])),
      path,
    );
    const image = imageOf(readFileSync(path), sim.windowBytes);
    const history = new History({
      ids: [id],
      states: new Map([[id, state]]),
      lastStarted: id,
    });
    const restored = SimProcess.open(new SimMachine(sim.windowBytes, image), history, sim);
    if (restored.published.id !== id) throw new Error(`restored as ${restored.published.id}`);
    restored.check(restored.published, state);
    restored.commit(new Map([[1, 20]]));
    restored.check(restored.published, history.stateOf(restored.published.id));
    restored.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function imageOf(bytes: Buffer, segmentBytes: number): DiskImage {
  const segments: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += segmentBytes) {
    const segment = new Uint8Array(segmentBytes);
    segment.set(bytes.subarray(at, at + segmentBytes));
    segments.push(segment);
  }
  return { segments, sizeBytes: bytes.length };
}
