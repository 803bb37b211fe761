/** Runs a script of scripts/ on a made-up checkout in a temporary folder. */

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const scripts = resolve(import.meta.dirname, '../../scripts');

export interface Outcome {
  status: number | null;
  stdout: string;
  stderr: string;
}

/**
 * Writes `files` (path to text) to a new folder, runs `script` with `args` and then the folder, and
 * removes the folder.
 */
export function runOn(
  script: string,
  files: Record<string, string>,
  args: readonly string[] = [],
): Outcome {
  const folder = mkdtempSync(join(tmpdir(), 'coppice-frame-'));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(scripts, script), ...args, folder],
      { encoding: 'utf8' },
    );
    return { status, stdout, stderr };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
