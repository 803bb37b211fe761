import { test } from 'vitest';
import { DEFAULT_EXPLORER, Explorer, SMALL_MIX } from '../support/crash-explorer.ts';
import { History, randomChanges } from '../support/sim-history.ts';
import { newMachine, SimProcess } from '../support/sim-process.ts';

test('first', () => {
  const explorer = new Explorer({ ...DEFAULT_EXPLORER, seed: 5 });
  const machine = newMachine(explorer.options.sim);
  const history = History.empty();
  const moments = explorer.record(machine, () => history);
  const process = SimProcess.open(machine, history, explorer.options.sim);
  for (let i = 0; i < 12; i++) {
    const id = process.commit(randomChanges(explorer.random, SMALL_MIX));
    process.check(process.published, history.stateOf(id));
  }
  process.close();
  moments.push(explorer.moment(machine, history));
  const t = performance.now();
  explorer.explore(moments);
  const s = (performance.now() - t) / 1000;
  console.log(explorer.met, explorer.counts, moments.length, s, explorer.met.images / s);
}, 600000);
