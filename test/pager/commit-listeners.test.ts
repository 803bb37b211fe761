/** One wait of a handle for all who listen, over a storage that notes what it is asked. */

import { describe, expect, test } from 'vitest';
import { lockFileBytes, WORD } from '../../src/format/lock-file.ts';
import { type CommitListener, CommitListeners } from '../../src/pager/commit-listeners.ts';
import { LockWords } from '../../src/pager/lock-words.ts';
import { RecordingStorage } from '../support/recording-storage.ts';
import { SimMachine } from '../support/sim-machine.ts';
import { DEFAULT_SIM } from '../support/sim-process.ts';

class AskedStorage extends RecordingStorage {
  /** What was seen when the wait that is on began. */
  seen: number | undefined;
  waits = 0;
  isKept = false;
  isWhole = true;
  private done = (): void => {};

  override awaitWord(word: number, waits: number, seen: number, done: () => void): void {
    expect([word, waits]).toEqual([WORD.published, WORD.waits]);
    expect(this.seen).toBeUndefined();
    this.seen = seen;
    this.waits++;
    this.done = done;
  }
  override keepAlive(on: boolean): void {
    this.isKept = on;
  }
  override sharedIsWhole(): boolean {
    return this.isWhole;
  }

  /** The addon tells. */
  tell(): void {
    this.seen = undefined;
    this.done();
  }
}

function world(): { storage: AskedStorage; lock: LockWords; commits: CommitListeners } {
  const storage = new AskedStorage(new SimMachine(DEFAULT_SIM.windowBytes, undefined));
  const lock = new LockWords(new Int32Array(lockFileBytes(4) / 4), 4);
  lock.store(WORD.published, 1);
  return { storage, lock, commits: new CommitListeners(storage, lock) };
}

function listener(log: string[], name: string, then: () => void = () => {}): CommitListener {
  return {
    published: () => {
      log.push(name);
      then();
    },
    closed: () => log.push(`${name} closed`),
  };
}

describe('listeners', () => {
  test('share one wait, which goes on as long as there are any', () => {
    const { storage, commits } = world();
    const log: string[] = [];
    const [a, b] = [listener(log, 'a'), listener(log, 'b')];
    commits.add(a, false);
    commits.add(b, false);
    commits.add(b, false);
    expect([storage.waits, storage.seen]).toEqual([1, 1]);
    storage.tell();
    expect([log.join(' '), storage.waits]).toEqual(['a b', 2]);
    commits.remove(a);
    storage.tell();
    expect([log.join(' '), storage.waits]).toEqual(['a b b', 3]);
    commits.remove(b);
    storage.tell();
    expect([log.join(' '), storage.waits]).toEqual(['a b b', 3]);
  });

  test('what is published while they look is told again', () => {
    const { storage, lock, commits } = world();
    commits.add(
      listener([], 'a', () => lock.store(WORD.published, lock.published + 1)),
      false,
    );
    lock.store(WORD.published, 2);
    storage.tell();
    expect([lock.published, storage.seen]).toEqual([3, 2]);
  });

  test('keep the process alive while one of them is to', () => {
    const { storage, commits } = world();
    const [a, b, c] = ['a', 'b', 'c'].map((name) => listener([], name));
    commits.add(a!, false);
    expect(storage.isKept).toBe(false);
    commits.add(b!, true);
    commits.add(c!, true);
    commits.remove(b!);
    commits.remove(b!);
    expect(storage.isKept).toBe(true);
    commits.remove(c!);
    expect(storage.isKept).toBe(false);
  });

  test('are told of the end, and of nothing after it', () => {
    const { storage, commits } = world();
    const log: string[] = [];
    commits.add(listener(log, 'a'), true);
    commits.close();
    storage.tell();
    expect([log, storage.waits]).toEqual([['a closed'], 1]);
  });

  test('are told once when the lock file is gone, not over and over', () => {
    const { storage, commits } = world();
    const log: string[] = [];
    commits.add(listener(log, 'a'), true);
    storage.isWhole = false;
    storage.tell();
    expect([log, storage.waits]).toEqual([['a'], 1]);
  });
});
