/**
 * Who of one handle is told when anybody, in any process, has published a commit. However many
 * listen, the handle waits once, in a thread of the addon; when nobody does, it does not wait.
 */

import { WORD } from '../format/lock-file.ts';
import type { LockWords } from './lock-words.ts';
import type { Storage } from './storage.ts';

/** Neither call may throw. */
export interface CommitListener {
  /** Commits were published, or the lock file is gone. */
  published(): void;
  /** The handle is closed: nothing is told any more. */
  closed(): void;
}

export class CommitListeners {
  private readonly storage: Storage;
  private readonly lock: LockWords;
  /** With each whether it keeps the process alive. */
  private readonly listeners = new Map<CommitListener, boolean>();
  private keeping = 0;
  /** The addon has been asked, and has not answered. */
  private isWaiting = false;
  private isClosed = false;

  constructor(storage: Storage, lock: LockWords) {
    this.storage = storage;
    this.lock = lock;
  }

  /**
   * Tells of every commit that is published after this call, of several at once perhaps, and
   * perhaps of one that came before. So whoever looks at what is published does so after it.
   * Throws IoError when no thread can be started.
   */
  add(listener: CommitListener, keepsAlive: boolean): void {
    if (this.listeners.has(listener)) return;
    this.wait(this.lock.published);
    this.listeners.set(listener, keepsAlive);
    if (keepsAlive && this.keeping++ === 0) this.storage.keepAlive(true);
  }

  remove(listener: CommitListener): void {
    const keepsAlive = this.listeners.get(listener);
    if (!this.listeners.delete(listener) || this.isClosed) return;
    if (keepsAlive === true && --this.keeping === 0) this.storage.keepAlive(false);
  }

  /** To be called before the storage is closed. */
  close(): void {
    this.isClosed = true;
    const left = [...this.listeners.keys()];
    this.listeners.clear();
    for (const listener of left) listener.closed();
  }

  private wait(seen: number): void {
    if (this.isWaiting) return;
    this.storage.awaitWord(WORD.published, WORD.waits, seen, this.told);
    this.isWaiting = true;
  }

  private readonly told = (): void => {
    this.isWaiting = false;
    if (this.isClosed) return;
    // Before they look: what is published while they do is told again.
    const seen = this.lock.published;
    for (const listener of [...this.listeners.keys()]) listener.published();
    // They have found out what is wrong; a wait would end at once, over and over.
    if (this.isClosed || !this.storage.sharedIsWhole()) return;
    if (this.listeners.size > 0) this.wait(seen);
  };
}
