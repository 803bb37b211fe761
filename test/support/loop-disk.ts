/**
 * ext4 on a loop device in a mount namespace of its own: a disk whose power can be cut, that can go
 * bad, and that nobody else sees. For root only; programs/loop-disk.c says what it can do. Whatever
 * becomes of a test, mount and loop device end with the last process in the namespace.
 */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Child, isRoot, newFolder, note } from './process-children.ts';

/** How the filesystem is made and mounted. */
export interface DiskOptions {
  readonly bytes: number;
  /** Parameters of mkfs.ext4. */
  readonly make?: readonly string[];
  /** Options of mount. */
  readonly mount?: string;
  /** A file whose first 32-bit word becomes 1 before a cut begins. */
  readonly cutFlag?: string;
}

let compiled: string | undefined;

/** Where a loop device's file is best kept: nothing of it needs to reach a real disk. */
const MEMORY = '/dev/shm';

export class LoopDisk {
  /** Where it is mounted, in its namespace. */
  readonly folder: string;
  private readonly options: string;
  private readonly child: Child;

  private constructor(child: Child, folder: string, options: string) {
    this.child = child;
    this.folder = folder;
    this.options = options;
  }

  /** A new disk, mounted; undefined, with a note, where none can be had. */
  static async make(options: DiskOptions): Promise<LoopDisk | undefined> {
    const missing = whatIsMissing();
    if (missing !== undefined) {
      note(`${missing}: what needs a disk of its own was not tried`);
      return undefined;
    }
    const home = newFolder('disk');
    const image = join(existsSync(MEMORY) ? newFolder('image', MEMORY) : home, 'image');
    writeFileSync(image, '');
    truncateSync(image, options.bytes);
    execFileSync('mkfs.ext4', ['-q', '-F', '-m', '0', ...(options.make ?? []), image], {
      stdio: 'pipe',
    });
    const folder = join(home, 'mounted');
    mkdirSync(folder);
    const flag = options.cutFlag === undefined ? [] : [options.cutFlag];
    const child = new Child(compiled!, [image, ...flag]);
    const disk = new LoopDisk(child, folder, options.mount ?? '-');
    const first = await child.line();
    // The process has it open: it is gone with it, whatever becomes of this one.
    rmSync(image);
    if (first === 'ok') await disk.mount();
    if (first === 'ok') return disk;
    note(`no loop device here (${first}): what needs a disk of its own was not tried`);
    return undefined;
  }

  /** A program in its namespace. */
  run(
    command: string,
    parameters: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Child {
    const namespace = `--mount=/proc/${this.child.pid}/ns/mnt`;
    const there = ['--', command, ...parameters];
    return new Child('nsenter', [namespace, ...there], env);
  }

  /** The same file, as this process can reach it. */
  seen(path: string): string {
    return `/proc/${this.child.pid}/root${path}`;
  }

  async mount(options: string = this.options): Promise<void> {
    await this.tell('mount', this.folder, options);
  }
  async remount(options: string): Promise<void> {
    await this.tell('remount', this.folder, options);
  }
  /** Fails when someone keeps something open there. */
  async umount(): Promise<void> {
    await this.tell('umount', this.folder);
  }
  /** From now on nothing reaches the disk. `how`: 2, or 1 when the journal is written first. */
  async cut(how: number = 2): Promise<void> {
    await this.tell('cut', this.folder, how);
  }
  /** The same after `ms`, in which random parts of the files are written back. */
  async storm(how: number, ms: number, seed: number, files: readonly string[]): Promise<void> {
    await this.tell('storm', this.folder, how, ms, seed, ...files);
  }
  /** Everything so far reaches the disk. */
  async sync(): Promise<void> {
    await this.tell('sync', this.folder);
  }
  /** What is cached of a file is dropped, as far as nobody has mapped it. */
  async evict(path: string): Promise<void> {
    await this.tell('evict', path);
  }
  /** The device ends at that byte: nothing past it can be read or written. 0: as it was made. */
  async endAt(bytes: number): Promise<void> {
    await this.tell('end', bytes);
  }
  /** Where on the device a byte of a file lies, which must have reached it. */
  placeOf(path: string, byte: number): number {
    const shown = execFileSync('filefrag', ['-v', '-b1', this.seen(path)], { encoding: 'utf8' });
    for (const [, first, last, place] of shown.matchAll(/^ *\d+: *(\d+)\.\. *(\d+): *(\d+)/gm)) {
      if (byte >= Number(first) && byte <= Number(last))
        return Number(place) + byte - Number(first);
    }
    throw new Error(`byte ${byte} of ${path} lies nowhere: ${shown}`);
  }

  /**
   * After a cut: unmounts, and mounts what the filesystem had sent to the device until now. With
   * `metadata` what it keeps of its own reaches the device too, as it does while it is unmounted.
   */
  async powerUp(metadata: boolean = false): Promise<void> {
    await this.tell('save');
    await this.umount();
    if (!metadata) await this.tell('restore');
    await this.mount();
  }

  /** The disk as the last power cut left it, as a file. */
  async keep(path: string): Promise<void> {
    await this.tell('keep', path);
  }

  /** Ends it, and the mount with it once no program of its namespace is left. */
  async end(): Promise<void> {
    await this.child.kill();
  }

  private async tell(...words: readonly (string | number)[]): Promise<void> {
    this.child.say(words.join(' '));
    const answer = await this.child.line();
    if (answer !== 'ok') throw new Error(`${words.join(' ')}: ${answer} ${this.child.error}`);
  }
}

/** What this machine lacks, or undefined when disks can be made. */
function whatIsMissing(): string | undefined {
  if (process.platform !== 'linux' || !isRoot) return 'not root on Linux';
  if (!existsSync('/dev/loop-control')) return 'no loop devices here';
  for (const tool of ['mkfs.ext4', 'nsenter', 'filefrag']) {
    try {
      execFileSync('sh', ['-c', `command -v ${tool}`], { stdio: 'pipe' });
    } catch {
      return `no ${tool} here`;
    }
  }
  if (compiled !== undefined) return undefined;
  const source = fileURLToPath(new URL('programs/loop-disk.c', import.meta.url));
  const made = join(newFolder('loop-disk'), 'loop-disk');
  try {
    execFileSync('cc', ['-O1', '-o', made, source], { stdio: 'pipe' });
  } catch {
    return 'no C compiler here';
  }
  compiled = made;
  return undefined;
}
