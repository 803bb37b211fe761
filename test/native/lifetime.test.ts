import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  create,
  fixture,
  mapped,
  newPath,
  note,
  open,
  start,
  startCommand,
  until,
} from './support.ts';

const MIB = 2 ** 20;

/** Ends of `lifetime.mjs MODE`, which must be clean; one that hangs fails by the time limit of the test. */
async function ends(mode: string, path: string): Promise<string> {
  const { code, signal, text, error } = await start('lifetime.mjs', mode, path).ended();
  expect([code, signal, error]).toEqual([0, null, '']);
  return text;
}

describe('a process', () => {
  test('ends by itself beside an idle open handle', async () => {
    expect(await ends('idle', newPath())).toBe('idle\n');
  });

  test('stays until a job it started is done', async () => {
    expect(await ends('job', newPath())).toBe('done null\n');
  });

  test('stays while it waits for the writer lock', async () => {
    const path = newPath();
    create(path, 4096).tryAcquireWriter();
    expect(await ends('wait', path)).toBe('ETIMEDOUT\n');
  });

  test.each(['exit-blocked', 'end-blocked', 'terminate-blocked'])(
    'ends although a thread of it is blocked at the writer lock (%s)',
    async (mode) => {
      const path = newPath();
      create(path, 4096).tryAcquireWriter();
      expect(await ends(mode, path)).toBe('blocked\n');
    },
  );

  test('lives when a blocked thread wakes after the only worker that loaded the addon has ended', async () => {
    const path = newPath();
    const holder = create(path, 4096);
    holder.tryAcquireWriter();
    const program = start('only-in-worker.mjs', path);
    expect(await program.line()).toBe('terminated');
    holder.releaseWriter();
    expect(await program.line()).toBe('lives');
    expect(await program.ended()).toMatchObject({ code: 0, signal: null });
  });

  test.each(['exit', 'terminate', 'worker-exit', 'exit-over-worker'])(
    'that ends in the middle of queued flushes has done them all first (%s)',
    async (mode) => {
      const path = newPath();
      for (let round = 0; round < 3; round++) {
        expect(await ends(mode, `${path}-${round}`)).toBe('');
        const file = open(`${path}-${round}`);
        expect(mapped(file)[0]).toBe(40);
        expect(file.tryAcquireWriter()).toBe(true);
      }
    },
  );

  test('leaves nothing that hinders others when a worker is terminated while everything is open', async () => {
    const path = newPath();
    expect(await ends('workers', path)).toBe('20 workers\n');
    expect(readFileSync(path).length).toBe(MIB);
  });
});

describe('a child made by fork without exec', () => {
  test('has none of the descriptors of its parent, and so keeps none of its locks alive', async () => {
    const path = newPath();
    const waiter = create(path, MIB);
    const parent = startCommand(process.execPath, fixture('fork.mjs'), path);
    const first = await parent.line();
    if (first === 'no compiler') return note('no C compiler here: fork was not tried');
    const [child, forked] = first.split(' ');
    try {
      expect(forked).toBe('false');
      expect(
        openFilesOf(parent.child.pid as number).filter((name) => name.startsWith(path)),
      ).toHaveLength(3);
      // The child's handler may be about to run.
      await until(() => !openFilesOf(Number(child)).some((name) => name.startsWith(path)));
      expect(waiter.tryAcquireWriter()).toBe(false);
      parent.child.kill('SIGKILL');
      // Its output stays open, in the child.
      await new Promise((resolve) => parent.child.once('exit', resolve));
      expect(readFileSync(`/proc/${child}/status`, 'utf8')).toMatch(/State:\s+S/);
      expect(waiter.tryAcquireWriter()).toBe(true);
      expect(waiter.isLocked(100, 1)).toBe(false);
    } finally {
      process.kill(Number(child), 'SIGKILL');
    }
  });
});

/** The files behind the descriptors of a process. */
function openFilesOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return '';
    }
  });
}
