/**
 * A machine whose power fails: a disk, two programs that write a database on it, and what they told
 * of their transactions. What was told is known to this process, which needs no power of that kind.
 */

import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type DiskOptions, LoopDisk } from '../support/loop-disk.ts';
import { type Child, newFolder } from '../support/process-children.ts';

/** A cut by a writer itself, in the middle of what it does; see programs/cut-at-flush.c. */
export interface PlannedCut {
  readonly call: 'msync' | 'pwritev';
  /** Which call of that kind, from now on. */
  readonly count: number;
  readonly how: number;
  readonly seed: number;
}

/** The state that a program found after a cut. */
export interface Found {
  readonly n: number;
  /** By writer, from 1: how many of the transactions are its own. */
  readonly own: readonly number[];
  /** The transaction that was given up, or 0. */
  readonly steppedBackFrom: number;
}

/** See programs/cut-at-flush.c. */
const WORDS = { cut: 0, left: 1, call: 2, seed: 3, how: 4, lie: 5 } as const;

export class PowerMachine {
  readonly disk: LoopDisk;
  readonly path: string;
  readonly workers: [Child, Child];
  private readonly startWorker: (id: 1 | 2) => Child;
  /** The newest transaction that was acknowledged, and the newest that was begun. */
  promised = 0;
  begun = 0;
  /** The same by writer, counted in its own transactions. */
  readonly promisedBy: number[] = [0, 0, 0, 0];
  readonly begunBy: number[] = [0, 0, 0, 0];
  /** What no program should have met. */
  readonly failures: string[] = [];
  private readonly control: number;

  private constructor(disk: LoopDisk, control: string, library: string) {
    this.disk = disk;
    this.path = join(disk.folder, 'data');
    this.control = openSync(control, 'r+');
    const program = fileURLToPath(new URL('programs/worker.mjs', import.meta.url));
    const env = {
      LD_PRELOAD: library,
      COPPICE_CUT_CONTROL: control,
      COPPICE_CUT_BESIDE: `${this.path}-lock`,
    };
    this.startWorker = (id) => {
      const worker = disk.run(process.execPath, [program, String(id)], env);
      worker.onLine((line) => this.note(line));
      return worker;
    };
    this.workers = [this.startWorker(1), this.startWorker(2)];
  }

  /** With an empty database; undefined, with a note, where there can be no such disk. */
  static async make(options: DiskOptions): Promise<PowerMachine | undefined> {
    const control = join(newFolder('control'), 'control');
    writeFileSync(control, Buffer.alloc(4096));
    const disk = await LoopDisk.make({ ...options, cutFlag: control });
    if (disk === undefined) return undefined;
    const machine = new PowerMachine(disk, control, cutLibrary());
    for (const worker of machine.workers) await worker.line('ready');
    await machine.ask(0, 'prepare');
    await disk.sync();
    return machine;
  }

  /** Tells a worker what to do, and waits until it is done. */
  async ask(worker: 0 | 1, word: string): Promise<void> {
    this.tell(worker, word);
    await this.idle(worker);
  }
  tell(worker: 0 | 1, word: string, options?: object): void {
    this.workers[worker].skip();
    const text = options === undefined ? '' : ` ${JSON.stringify(options)}`;
    this.workers[worker].say(`${word} ${this.path}${text}`);
  }
  async idle(worker: 0 | 1): Promise<void> {
    await this.workers[worker].line('idle');
    this.requireNoFailure();
  }

  async end(): Promise<void> {
    for (const worker of this.workers) await worker.kill();
    await this.disk.end();
    closeSync(this.control);
  }

  /** Kills a worker with SIGKILL, and starts another in its place. */
  async kill(worker: 0 | 1): Promise<void> {
    await this.workers[worker].kill();
    this.workers[worker] = this.startWorker(worker === 0 ? 1 : 2);
    await this.workers[worker].line('ready');
  }

  /** The next call of a kind cuts the power. */
  plan({ call, count, how, seed }: PlannedCut): void {
    this.store(WORDS.call, call === 'msync' ? 0 : 1);
    this.store(WORDS.seed, seed);
    this.store(WORDS.how, how);
    this.store(WORDS.left, count);
  }
  /** Whether the planned cut has happened; from now on none is planned. */
  wasCut(): boolean {
    this.store(WORDS.left, 0);
    return this.isCut();
  }
  private isCut(): boolean {
    const word = new Int32Array(1);
    readSync(this.control, word, 0, 4, 4 * WORDS.cut);
    return word[0] === 1;
  }
  /** Flushes do nothing from now on, and say that all is well. */
  lie(): void {
    this.store(WORDS.lie, 1);
  }

  /** After a cut: mounts what had reached the disk. */
  async powerUp(metadata: boolean): Promise<void> {
    await this.disk.powerUp(metadata);
    this.store(WORDS.cut, 0);
  }

  /** Opens with a worker, checks everything, and compares it with what was promised and begun. */
  async check(worker: 0 | 1): Promise<Found> {
    const lines = this.workers[worker].lines.length;
    await this.ask(worker, 'check');
    return this.judge(worker, 'found', lines)!;
  }

  /** The state that a worker told of in a line after `from`; a throw when it cannot be. */
  judge(worker: 0 | 1, word: string, from: number): Found | undefined {
    const told = this.workers[worker].lines.slice(from).find((line) => line.startsWith(word));
    if (told === undefined) return undefined;
    const [n = 0, one = 0, two = 0, three = 0, steppedBackFrom = 0] = told
      .split(' ')
      .slice(1)
      .map(Number);
    const own = [0, one, two, three];
    // Its own three commits were promised after it had looked.
    const promised = this.promisedThen;
    if (n < promised.n) {
      throw new Error(`transaction ${promised.n} was promised, the file has ${n}`);
    }
    if (n > this.begun) throw new Error(`transaction ${n} was found, ${this.begun} was begun last`);
    own.forEach((count, by) => {
      const wanted = promised.by[by]!;
      if (count < wanted || count > this.begunBy[by]!) {
        throw new Error(
          `writer ${by} was promised ${wanted} of its transactions and began ` +
            `${this.begunBy[by]}; the file has ${count}`,
        );
      }
    });
    return { n, own, steppedBackFrom };
  }

  /** What was promised when a state was told of. */
  private promisedThen: { n: number; by: readonly number[] } = { n: 0, by: [0, 0, 0, 0] };

  /** What was found and may be gone on from: what came after it is begun anew. */
  private settle(n: number, own: readonly number[]): void {
    this.promisedThen = { n: this.promised, by: [...this.promisedBy] };
    this.promised = Math.max(this.promised, n);
    own.forEach((count, by) => {
      this.promisedBy[by] = Math.max(this.promisedBy[by]!, count);
    });
  }

  requireNoFailure(): void {
    if (this.failures.length > 0) throw new Error(this.failures.join('\n'));
  }

  private store(word: number, value: number): void {
    writeSync(this.control, Int32Array.of(value), 0, 4, 4 * word);
  }

  private note(line: string): void {
    const [word, ...rest] = line.split(' ');
    const [by = 0, own = 0, n = 0] = rest.map(Number);
    if (word === 'try') {
      this.begun = Math.max(this.begun, n);
      this.begunBy[by] = Math.max(this.begunBy[by]!, own);
    } else if (word === 'ack') {
      this.promised = Math.max(this.promised, n);
      this.promisedBy[by] = Math.max(this.promisedBy[by]!, own);
    } else if (word === 'found' || word === 'recovered') {
      // `open` has returned: what it found is durable.
      const [state = 0, one = 0, two = 0, three = 0] = rest.map(Number);
      this.settle(state, [0, one, two, three]);
    } else if (word === 'FAILED' || (word === 'down' && !this.isCut())) {
      this.failures.push(line);
    }
  }
}

let library: string | undefined;

function cutLibrary(): string {
  if (library !== undefined) return library;
  const source = fileURLToPath(new URL('programs/cut-at-flush.c', import.meta.url));
  const made = join(newFolder('cut'), 'cut-at-flush.so');
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', made, source, '-ldl'], { stdio: 'pipe' });
  library = made;
  return made;
}
