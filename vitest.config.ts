import { dirname, join, relative, resolve } from 'node:path';
import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What takes longest begins first, so that no processor waits for the last of them at the end. */
const LONGEST_FIRST = [
  'hostile/pages.test.ts',
  'crash/power-loss.test.ts',
  'hostile/others.test.ts',
  'crash/power-loss-faults.test.ts',
  'hostile/checks.test.ts',
  'model/model.test.ts',
  'interleavings/interleavings.test.ts',
  'hostile/known.test.ts',
  'processes/ends-anywhere.test.ts',
  'power-cuts/power-cuts.test.ts',
  'processes/kill.test.ts',
  'processes/backup.test.ts',
  'api/bulk-load.test.ts',
  'faults/every-call.test.ts',
  'processes/watch.test.ts',
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const placeOf = ({ moduleId }: TestSpecification): number => {
      const place = LONGEST_FIRST.findIndex((name) => moduleId.endsWith(`/test/${name}`));
      return place < 0 ? LONGEST_FIRST.length : place;
    };
    const sorted = await super.sort(files);
    return sorted.sort((a, b) => placeOf(a) - placeOf(b));
  }
}

const src = join(import.meta.dirname, 'src');
const dist = join(import.meta.dirname, 'dist');

/**
 * Tests import src/, and get what is compiled of it (test/frame/compiled.mjs sees to that): what
 * users run. Node loads it as it is; through vite every import of one file by another is looked up
 * at each use, and the power-loss simulator took 44 s of processor time where it takes 31 s.
 */
const compiled: NonNullable<ViteUserConfig['plugins']>[number] = {
  name: 'src as it is compiled',
  enforce: 'pre',
  resolveId(id, importer) {
    if (importer === undefined || !id.startsWith('.')) return undefined;
    const path = relative(src, resolve(dirname(importer), id));
    if (path.startsWith('..') || !path.endsWith('.ts')) return undefined;
    return { id: join(dist, path.replace(/\.ts$/, '.js')), external: true };
  },
};

/** One seed for the whole run: every random test derives its own from it, and prints it. */
const seed = process.env.COPPICE_SEED ?? String(Math.floor(Math.random() * 2 ** 31));
console.log(`seed ${seed} (COPPICE_SEED=${seed} repeats this run)`);

const long = Number(process.env.COPPICE_LONG ?? 0) > 0;

const config: ViteUserConfig = defineConfig({
  plugins: [compiled],
  // What bench/ calls it by.
  resolve: {
    alias: [{ find: /^coppice$/, replacement: join(dist, 'index.js') }],
  },
  test: {
    include: ['test/**/*.test.ts'],
    server: { deps: { external: [/\/dist\//] } },
    // Node's own packages and ours are modules: no proxy has to stand for their default export.
    deps: { interopDefault: false },
    globalSetup: ['test/frame/compiled.mjs'],
    setupFiles: ['test/frame/seed.ts', 'test/frame/equal-bytes.ts'],
    env: { COPPICE_SEED: seed },
    // Processes, not threads: a native addon is loaded once a process, and tests fork and kill.
    pool: 'forks',
    // Two of them have two cores: threads beside them that collect garbage only take more time.
    execArgv: ['--expose-gc', '--single-threaded-gc'],
    // npm test is sized for a machine of two cores.
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    testTimeout: long ? 6 * 3_600_000 : 30_000,
    hookTimeout: 30_000,
    // The JSON is what .ci/run counts.
    reporters: ['default', ['json', { outputFile: 'out/test-results.json' }]],
  },
});

export default config;
