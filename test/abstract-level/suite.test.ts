/**
 * abstract-level's own test suite against CoppiceLevel: each of its tests is one here. After it the
 * databases that it made are closed and, of every tenth one or in a long run, checked whole.
 */

import { existsSync } from 'node:fs';
import { afterAll, afterEach, describe } from 'vitest';
import { open } from '../../src/index.ts';
import { long } from '../frame/size.ts';
import { checkWhole, newPath } from '../support/fresh-database.ts';
import { note } from '../support/process-children.ts';
import { CoppiceLevel } from './coppice-level.ts';
import { tally, tapeTest } from './tape-test.ts';
import { wholeSuite } from './whole-suite.ts';

const levels = new Set<CoppiceLevel>();
/** Between a test that sets up and one that tears down they share a database. */
let shared = false;
let closed = 0;

function factory(options?: object): CoppiceLevel {
  const level = new CoppiceLevel(newPath(), options);
  levels.add(level);
  return level;
}

afterEach(async ({ task }) => {
  if (/ setup$/.test(task.name)) shared = true;
  if (/ teardown$/.test(task.name)) shared = false;
  if (shared) return;
  const made = [...levels];
  levels.clear();
  for (const level of made) {
    if ((await closes(level)) && (long || closed++ % 10 === 0)) await checkFile(level.location);
  }
});

/** False: abstract-level locked it, or a sublevel of it, as a test of failing hooks wants. */
async function closes(level: CoppiceLevel): Promise<boolean> {
  try {
    await level.close();
    return true;
  } catch (error) {
    const { code, cause } = error as { code?: string; cause?: { code?: string } };
    if (![code, cause?.code].includes('LEVEL_STATUS_LOCKED')) throw error;
    return false;
  }
}

/** It is not there where the test never opened it, or where it must not be made. */
async function checkFile(path: string): Promise<void> {
  if (!existsSync(path)) return;
  const db = open(path);
  try {
    await checkWhole(db);
  } finally {
    await db.close();
  }
}

afterAll(() => note(`abstract-level: ${tally.tests} tests, ${tally.assertions} assertions`));

describe('abstract-level', () => wholeSuite({ test: tapeTest, factory }));
