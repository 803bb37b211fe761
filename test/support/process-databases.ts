/** Databases that processes share, in a folder of the test file's own; closed after each test. */

import { join } from 'node:path';
import { afterEach } from 'vitest';
import { type Database, type OpenOptions, open } from '../../src/index.ts';
import { newFolder } from './process-children.ts';
import { prepare, type StateStores } from './process-state.mjs';

export class SharedDatabases {
  readonly folder: string;
  private readonly name: string;
  private readonly opened: Database[] = [];
  private made = 0;

  /** `atEnd` looks at each that a test left open, before it is closed. */
  constructor(name: string, atEnd: (db: Database) => Promise<void> = async () => {}) {
    this.name = name;
    this.folder = newFolder(name);
    afterEach(async () => {
      for (const db of this.opened.splice(0)) {
        try {
          if (!db.closed) await atEnd(db);
        } finally {
          await db.close();
        }
      }
    });
  }

  open(path: string, options: OpenOptions = {}): Database {
    const db = open(path, { lockTimeout: 60_000, ...options });
    this.opened.push(db);
    return db;
  }

  /** The path of a new one in the state of transaction 0, which nobody has open. */
  newFile(): string {
    const path = this.newPath();
    using db = open(path);
    prepare(db);
    return path;
  }

  /** A new one in the state of transaction 0, open here. */
  create(options: OpenOptions = {}): { path: string; db: Database; stores: StateStores } {
    const path = this.newPath();
    const db = this.open(path, options);
    return { path, db, stores: prepare(db) };
  }

  newPath(): string {
    return join(this.folder, `${this.name}-${this.made++}`);
  }
}
