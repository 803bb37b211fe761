/**
 * SQLite, for the size of its file: by the module of Node where there is one, else by the command
 * `sqlite3`. Both read the same SQL.
 */

import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { keyOf, shuffledRows } from '../data.ts';
import type { Part } from './measurement.ts';
import { ROW_BYTES, stampedValue } from './row-model.ts';

export interface SqliteFill {
  readonly path: string;
  readonly rows: number;
  readonly rowsEach: number;
  /** What stands behind the table's definition. */
  readonly table: '' | 'WITHOUT ROWID';
}

/** `by`: what ran the SQL; absent: nothing could. */
export interface SqliteFilled {
  readonly by?: string;
  readonly fileBytes: number;
}

export const sqliteFill: Part<SqliteFill, SqliteFilled> = { name: 'sqlite-fill', run: fill };

/** Takes SQL; `end` takes the last, which is a question, and returns its one row, '|' between. */
interface Sql {
  readonly by: string;
  run(sql: string): Promise<void>;
  end(question: string): Promise<string>;
}

async function fill({ path, rows, rowsEach, table }: SqliteFill): Promise<SqliteFilled> {
  const sql = (await ofNode(path)) ?? (await ofCommand(path));
  if (sql === undefined) return { fileBytes: 0 };
  await sql.run('PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;');
  await sql.run(`CREATE TABLE bench (key BLOB PRIMARY KEY, value BLOB) ${table};`);
  const value = hex(stampedValue(0));
  const order = shuffledRows(rows);
  for (let i = 0; i < rows; i += rowsEach) {
    const values = Array.from(
      order.subarray(i, i + rowsEach),
      (row) => `(${hex(Buffer.from(keyOf(row)))}, ${value})`,
    );
    await sql.run(`BEGIN; INSERT INTO bench VALUES ${values.join(', ')}; COMMIT;`);
  }
  await sql.run('PRAGMA wal_checkpoint(TRUNCATE);');
  const sums = 'count(*) AS n, sum(length(key) + length(value)) AS bytes, count(DISTINCT key) AS k';
  const found = await sql.end(`SELECT ${sums} FROM bench;`);
  if (!found.endsWith(`${rows}|${rows * ROW_BYTES}|${rows}`)) throw new Error(`found ${found}`);
  return { by: sql.by, fileBytes: statSync(path).size };
}

function hex(bytes: Uint8Array): string {
  return `x'${Buffer.from(bytes).toString('hex')}'`;
}

/** The part of node:sqlite that is used. */
interface SqliteModule {
  DatabaseSync: new (
    path: string,
  ) => {
    exec(sql: string): void;
    prepare(sql: string): { get(): Record<string, unknown> };
    close(): void;
  };
}

async function ofNode(path: string): Promise<Sql | undefined> {
  // By a variable: the types of older versions do not know it.
  const name = 'node:sqlite';
  let module: SqliteModule;
  try {
    module = await import(name);
  } catch {
    return undefined;
  }
  const db = new module.DatabaseSync(path);
  return {
    by: `node:sqlite, SQLite ${db.prepare('SELECT sqlite_version() AS v').get().v}`,
    run: async (sql) => db.exec(sql),
    end: async (question) => {
      const row = Object.values(db.prepare(question).get()).join('|');
      db.close();
      return row;
    },
  };
}

async function ofCommand(path: string): Promise<Sql | undefined> {
  const child = spawn('sqlite3', ['-bail', path], { stdio: ['pipe', 'pipe', 'inherit'] });
  const started = new Promise<boolean>((resolve) => {
    child.on('spawn', () => resolve(true));
    child.on('error', () => resolve(false));
  });
  if (!(await started)) return undefined;
  const output: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  const closed = new Promise<void>((resolve, reject) => {
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`sqlite3 ended with ${code}`));
    });
  });
  return {
    by: 'the command sqlite3',
    run: (sql) =>
      new Promise((resolve, reject) => {
        child.stdin.write(`${sql}\n`, (error) => (error ? reject(error) : resolve()));
      }),
    end: async (question) => {
      child.stdin.end(`${question}\n`);
      await closed;
      return Buffer.concat(output).toString().trim();
    },
  };
}
