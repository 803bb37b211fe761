// reader-of-all.mjs PATH: one snapshot of the store `data` and the sum of all its bytes, again whenever
// a line comes.
import { commands, fail, open, parameters, say } from './program.mjs';

const [path] = parameters;
try {
  const db = open(path, { readOnly: true });
  const data = db.store('data', { key: 'u32', value: 'bytes' });
  const snapshot = db.snapshot();
  const tell = () => {
    let sum = 0;
    for (const [key, value] of snapshot.range(data)) sum += (key + 1) * value[0] * value.at(-1);
    say('sum', sum);
  };
  tell();
  for await (const _ of commands()) tell();
} catch (error) {
  fail(error);
}
