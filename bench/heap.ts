/**
 * What a mapped file does to V8's heap: nothing. Two processes with --trace-gc do the same number of
 * steps, one of them searches in a database, whose first GiB is mapped.
 */

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface HeapUse {
  readonly heapBytes: number;
  readonly externalBytes: number;
  /** Mark-Compact collections while the steps ran. */
  readonly fullCollections: number;
  /** Scavenges. */
  readonly smallCollections: number;
}

export interface HeapReport {
  readonly withDatabase: HeapUse;
  readonly without: HeapUse;
  readonly mappedBytes: number;
  readonly gets: number;
}

const SEARCHES = 1_000_000;

export async function measureHeap(folder: string, rows: number): Promise<HeapReport> {
  const withDatabase = await useOf(['open', folder, String(rows), String(SEARCHES)]);
  const without = await useOf(['none', folder, String(rows), String(SEARCHES)]);
  return { withDatabase, without, mappedBytes: withDatabase.mappedBytes, gets: SEARCHES };
}

async function useOf(args: readonly string[]): Promise<HeapUse & { mappedBytes: number }> {
  const program = fileURLToPath(new URL('./heap-child.js', import.meta.url));
  const output = await run(['--expose-gc', '--trace-gc', program, ...args]);
  const timed = output.slice(output.indexOf('BEGIN'), output.indexOf('END'));
  const report: unknown = JSON.parse(
    output.slice(output.indexOf('{'), output.lastIndexOf('}') + 1),
  );
  if (!isGrowth(report)) throw new Error(`no report in: ${output}`);
  return {
    ...report,
    fullCollections: timed.split('Mark-Compact').length - 1,
    smallCollections: timed.split('Scavenge').length - 1,
  };
}

function isGrowth(
  value: unknown,
): value is { heapBytes: number; externalBytes: number; mappedBytes: number } {
  return typeof value === 'object' && value !== null && 'externalBytes' in value;
}

function run(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`the heap's child process ended with ${code}`));
    });
  });
}
