// turn.mjs PATH: says 'asks', takes the writer lock once, and says how many transactions of others
// had gone before since then: 'had N'.
import { commands, fail, open, parameters, say } from './program.mjs';

const [path] = parameters;
try {
  const db = open(path, { lockTimeout: 60_000, durability: 'manual' });
  const turns = db.store('turns', { key: 'u32', value: 'json' });
  const seen = turns.get(0);
  say('asks');
  const others = db.writeSync((tx) => {
    const before = tx.get(turns, 0);
    tx.put(turns, 0, before + 1);
    return before - seen;
  });
  say('had', others);
  for await (const _ of commands());
} catch (error) {
  fail(error);
}
