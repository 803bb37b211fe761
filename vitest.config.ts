import { defineConfig, type ViteUserConfig } from 'vitest/config';

/** One seed for the whole run: every random test derives its own from it, and prints it. */
const seed = process.env.COPPICE_SEED ?? String(Math.floor(Math.random() * 2 ** 31));
console.log(`seed ${seed} (COPPICE_SEED=${seed} repeats this run)`);

const long = Number(process.env.COPPICE_LONG ?? 0) > 0;

const config: ViteUserConfig = defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/frame/seed.ts'],
    env: { COPPICE_SEED: seed },
    // Processes, not threads: a native addon is loaded once a process, and tests fork and kill.
    pool: 'forks',
    execArgv: ['--expose-gc'],
    // npm test is sized for a machine of two cores.
    maxWorkers: 2,
    testTimeout: long ? 6 * 3_600_000 : 30_000,
    hookTimeout: 30_000,
    // The JSON is what .ci/run counts.
    reporters: ['default', ['json', { outputFile: 'out/test-results.json' }]],
  },
});

export default config;
