// every-call.mjs ROOT PLAN: plays one scene after the other with faults, many cases in one process.
// Preloaded with fail-at.c. PLAN is a file: [{ scene, rows: [{ kind, action, ... , calls }] }]; what
// else a row has is said in fail-at.mjs and every-call-world.mjs. `calls` are those to fail, in
// turn: 'all', or numbers from 1; numbers below 1 stand for a part of them. A row without a kind is
// one case.
//
//     count SCENE { kind: calls }               of the scene when nothing fails
//     done SCENE KIND CASES                     a row is through
//     told SCENE { code: how often }            what the faults of a scene led to
//     FAILED SCENE KIND ACTION CALL what
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { layOut, makeBases } from './every-call-bases.mjs';
import { SCENES } from './every-call-scenes.mjs';
import { World } from './every-call-world.mjs';
import { FailAt } from './fail-at.mjs';
import { parameters, say } from './program.mjs';

const [root, planFile] = parameters;
const failAt = new FailAt(process.env.COPPICE_FAIL_AT);
const bases = join(root, 'bases');
let current = 'the start';
let cases = 0;
const failed = (what) => say('FAILED', current, what);
process.on('unhandledRejection', (error) => failed(`unhandled rejection: ${error?.stack}`));
process.on('warning', (warning) => failed(`warning: ${warning.stack}`.replaceAll('\n', ' | ')));

/** The clean process. */
const { LD_PRELOAD: _, ...clean } = process.env;
const checker = spawn(
  process.execPath,
  [fileURLToPath(new URL('every-call-checker.mjs', import.meta.url))],
  { stdio: ['pipe', 'pipe', 'inherit'], env: clean },
);
const answers = createInterface({ input: checker.stdout })[Symbol.asyncIterator]();
async function check(what) {
  checker.stdin.write(`${JSON.stringify(what)}\n`);
  const { value } = await answers.next();
  if (value !== 'ok') failed(`${what.path}: ${value ?? 'the checker ended'}`);
}

/** One case. Returns what it met. */
async function play(name, fault) {
  const { run, base, n, keeps = [] } = SCENES[name];
  const folder = join(root, `case-${cases++}`);
  mkdirSync(folder);
  if (base !== undefined) layOut(join(bases, base), folder);
  const world = new World(folder, failAt, fault);
  world.durable = n;
  world.published = n;
  failAt.arm(folder, fault);
  await run(world);
  world.requireTold();
  const met = failAt.look();
  failAt.disarm();
  world.leftovers(['data', 'data-lock', ...keeps]);
  for (const problem of world.problems) failed(problem);
  const { durable, published, poisoned, empty } = world;
  if (base !== 'pieces') {
    const allowed = world.allowed ?? (poisoned ? span(durable, published) : [published]);
    await check({ path: world.path, allowed, empty });
  }
  for (const other of world.others) await check(other);
  rmSync(folder, { recursive: true });
  return { ...met, codes: world.codes };
}

function span(from, to) {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

mkdirSync(bases);
await makeBases(bases, failAt);
/** The calls of a row to fail; a few more than there are, since the faults themselves lead to more. */
function callsOf({ kind, calls }, counts) {
  const count = counts[kind] ?? 0;
  if (kind === undefined) return [1];
  if (calls === 'all') return Array.from({ length: 2 * count }, (_, i) => i + 1);
  if (count === 0) return [];
  const of = (call) => (call >= 1 ? call : 1 + Math.floor(call * count));
  return [...new Set(calls.map(of))];
}

async function playRow(scene, row, counts, told) {
  let played = 0;
  for (const first of callsOf(row, counts)) {
    current = `${scene}: ${row.kind ?? row.standing.kind} ${row.action ?? 'always'} ${first}`;
    // For whoever looks when this process ends, or hangs.
    writeFileSync(join(root, 'current'), current);
    const { fired, codes } = await play(scene, { ...row, first });
    if (fired === 0 && row.kind !== undefined) break;
    played++;
    for (const [code, often] of Object.entries(codes)) told[code] = (told[code] ?? 0) + often;
  }
  if (played > 0) say('done', JSON.stringify([scene, row.kind ?? row.standing.kind, played]));
}

for (const { scene, rows } of JSON.parse(readFileSync(planFile, 'utf8'))) {
  current = `${scene} without a fault`;
  const told = {};
  const { counts } = await play(scene, {});
  say('count', JSON.stringify([scene, counts]));
  for (const row of rows) await playRow(scene, row, counts, told);
  say('told', JSON.stringify([scene, told]));
}
say('end');
checker.stdin.end();
