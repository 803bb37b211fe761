/** What cannot be opened: a code, a message that says what to do, and a file that is as it was. */

import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CannotOpenError, CoppiceError, NotADatabaseError, open } from '../../src/index.ts';
import { isRoot, newFolder, note, program } from '../support/process-children.ts';
import { onVolume } from '../support/process-volumes.ts';

const folder = newFolder('refusals');
let made = 0;

/** A folder of its own, that anybody may look into. */
function newPath(): string {
  chmodSync(folder, 0o755);
  const own = join(folder, `refused-${made++}`);
  mkdirSync(own, { mode: 0o777 });
  chmodSync(own, 0o777);
  return join(own, 'data');
}

async function create(path = newPath()): Promise<string> {
  const db = open(path);
  const data = db.store('data', { key: 'u32', value: 'bytes' });
  await data.putMany(Array.from({ length: 100 }, (_, k) => [k, Buffer.alloc(100, k)] as const));
  await db.close();
  return path;
}

/** The error of opening; everything in the folder is the same afterwards. */
function refused(path: string, options?: Parameters<typeof open>[1]): CoppiceError {
  const around = join(path, '..');
  const look = (): string[] =>
    statSync(around, { throwIfNoEntry: false })?.isDirectory()
      ? readdirSync(around)
          .sort()
          .map((name) => {
            const at = join(around, name);
            const stats = statSync(at, { throwIfNoEntry: false });
            return `${name} ${stats?.isFile() ? readFileSync(at).toString('base64') : ''}`;
          })
      : [];
  const before = look();
  try {
    open(path, options).closeSync();
  } catch (error) {
    if (!(error instanceof CoppiceError)) throw error;
    expect(look()).toEqual(before);
    return error;
  }
  throw new Error(`${path} was opened`);
}

/** What another process meets, as another user when `user` is given: its lines. */
async function elsewhere(path: string, options: object, user?: number): Promise<readonly string[]> {
  const parameters = user === undefined ? [path, options] : [path, options, user];
  const { code, lines, error } = await program(
    import.meta.url,
    'open-and-say.mjs',
    parameters,
  ).ended();
  expect([code, error]).toEqual([0, '']);
  return lines;
}

describe('a path', () => {
  test('of a directory', () => {
    const error = refused(join(newPath(), '..'));
    expect(error).toBeInstanceOf(CannotOpenError);
    expect(error.message).toMatch(/is a directory\. Give the path of a file in it/);
  });

  test('in a folder that does not exist', () => {
    const error = refused(join(newPath(), 'missing', 'data'));
    expect(error.code).toBe('CANNOT_OPEN');
    expect(error.message).toMatch(/The folder .*missing does not exist\. Make it first/);
  });

  test('below a file', async () => {
    const path = await create();
    const error = refused(join(path, 'data'));
    expect(error.code).toBe('CANNOT_OPEN');
    expect(error.message).toContain(path);
  });

  test('of nothing, with create: false or readOnly: true', () => {
    for (const options of [{ create: false }, { readOnly: true }]) {
      const error = refused(newPath(), options);
      expect(error.code).toBe('DATABASE_NOT_FOUND');
      expect(error.message).toContain(Object.keys(options)[0]);
    }
  });

  test('of a device', () => {
    expect(() => open('/dev/null')).toThrow(/neither a file nor absent/);
  });

  test('that is a circle of symbolic links', () => {
    const path = newPath();
    symlinkSync(path, `${path}-2`);
    symlinkSync(`${path}-2`, path);
    expect(() => open(path)).toThrow(CannotOpenError);
  });
});

describe('a file', () => {
  test.each([
    ['one byte', Buffer.from('x')],
    ['text', Buffer.from('a text\n'.repeat(5000))],
    ['zeros', Buffer.alloc(50_000)],
    ['another database', Buffer.concat([Buffer.from('SQLite format 3\0'), Buffer.alloc(8176)])],
  ])('of another kind is NOT_A_DATABASE, and left as it is (%s)', (_, bytes) => {
    const path = newPath();
    writeFileSync(path, bytes);
    for (const options of [{}, { readOnly: true }, { readOnly: true, immutable: true }]) {
      const error = refused(path, options);
      expect(error).toBeInstanceOf(NotADatabaseError);
      expect(error.message).toMatch(
        new RegExp(`${path} \\(${bytes.length} bytes\\) is not a Coppice`),
      );
    }
  });

  test('that is empty is NOT_A_DATABASE', () => {
    const path = newPath();
    writeFileSync(path, '');
    const error = refused(path);
    expect(error).toBeInstanceOf(NotADatabaseError);
    expect(error.message).toMatch(/is empty.*Remove it to have one made/);
  });

  test('that was cut to its first bytes, or has lost its meta slots, is NOT_A_DATABASE', async () => {
    const path = await create();
    rmSync(`${path}-lock`);
    truncateSync(path, 100);
    expect(refused(path)).toBeInstanceOf(NotADatabaseError);
    const other = await create();
    rmSync(`${other}-lock`);
    const bytes = readFileSync(other);
    for (const slot of [0, 4096, 8192]) bytes[slot + 40]! ^= 1;
    writeFileSync(other, bytes);
    const error = refused(other);
    expect(error).toBeInstanceOf(NotADatabaseError);
    expect(error.message).toMatch(
      /was a Coppice database, but none of its three meta slots is whole/,
    );
  });
});

describe('without permission', () => {
  const NOBODY = 65_534;

  test('to read the file, or to make one in the folder, it is CANNOT_OPEN', async () => {
    if (!isRoot) return note('not root: another user was not tried');
    const path = await create();
    chmodSync(path, 0o600);
    const before = readFileSync(path);
    expect(await elsewhere(path, {}, NOBODY)).toEqual([
      expect.stringMatching(
        /^CANNOT_OPEN .*permission is denied, or the medium is read-only \(EACCES\)/,
      ),
    ]);
    const absent = newPath();
    chmodSync(join(absent, '..'), 0o755);
    expect(await elsewhere(absent, {}, NOBODY)).toEqual([
      expect.stringMatching(/^CANNOT_OPEN .*permission is denied/),
    ]);
    expect(readdirSync(join(absent, '..'))).toEqual([]);
    expect(Buffer.compare(readFileSync(path), before)).toBe(0);
  });

  test('to write the file it can be read with immutable: true, and the message of readOnly says so', async () => {
    if (!isRoot) return note('not root: another user was not tried');
    const path = await create();
    chmodSync(path, 0o644);
    chmodSync(`${path}-lock`, 0o644);
    const before = readFileSync(path);
    expect(await elsewhere(path, { readOnly: true }, NOBODY)).toEqual([
      expect.stringMatching(/^CANNOT_OPEN .*give immutable: true/),
    ]);
    expect(await elsewhere(path, { readOnly: true, immutable: true }, NOBODY)).toEqual([
      'entries 100',
      expect.stringMatching(/^write READ_ONLY /),
    ]);
    expect(Buffer.compare(readFileSync(path), before)).toBe(0);
  });

  test('to the lock file of someone else it is CANNOT_OPEN, and works when both are allowed', async () => {
    if (!isRoot) return note('not root: another user was not tried');
    const path = await create();
    chmodSync(path, 0o666);
    chmodSync(`${path}-lock`, 0o600);
    expect(await elsewhere(path, {}, NOBODY)).toEqual([
      expect.stringMatching(/^CANNOT_OPEN .*permission is denied/),
    ]);
    chmodSync(`${path}-lock`, 0o666);
    chownSync(join(path, '..'), NOBODY, NOBODY);
    expect(await elsewhere(path, { readOnly: true }, NOBODY)).toEqual([
      'entries 100',
      expect.stringMatching(/^write READ_ONLY /),
    ]);
    expect(await elsewhere(path, {}, NOBODY)).toEqual(['entries 100', 'write nothing']);
    const db = open(path);
    await db.verify();
    await db.close();
  });
});

describe('a read-only medium', () => {
  test('is refused with a hint, and read with immutable: true', async () => {
    await onVolume(4 * 2 ** 20, async ({ folder: volume, remount }) => {
      const path = await create(join(volume, 'data'));
      rmSync(`${path}-lock`);
      const before = readFileSync(path);
      remount('ro');
      const plain = refused(path);
      expect(plain.code).toBe('CANNOT_OPEN');
      expect(plain.message).toMatch(/the medium is read-only \(EROFS\)/);
      const readOnly = refused(path, { readOnly: true });
      expect(readOnly.code).toBe('CANNOT_OPEN');
      expect(readOnly.message).toMatch(/give immutable: true/);
      const absent = refused(join(volume, 'absent'));
      expect(absent.code).toBe('CANNOT_OPEN');
      expect(await elsewhere(path, { readOnly: true, immutable: true })).toEqual([
        'entries 100',
        expect.stringMatching(/^write READ_ONLY /),
      ]);
      remount('rw');
      expect(Buffer.compare(readFileSync(path), before)).toBe(0);
      expect(await elsewhere(path, {})).toEqual(['entries 100', 'write nothing']);
    });
  });

  test('that becomes one under an open database: no commit, a named error, reading goes on', async () => {
    await onVolume(4 * 2 ** 20, async ({ folder: volume, remount }) => {
      const path = await create(join(volume, 'data'));
      const data = { key: 'u32', value: 'bytes' } as const;
      const db = open(path, { readOnly: true, immutable: true });
      remount('ro');
      expect(db.store('data', data).count()).toBe(100);
      await db.verify();
      await expect(db.store('data', data).put(1, Buffer.alloc(1))).rejects.toThrow(/readOnly/);
      await db.close();
    });
  });
});
