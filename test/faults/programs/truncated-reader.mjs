// truncated-reader.mjs PATH: reads and writes as told, and says what came of it.
//   all: every value of the store, from the newest snapshot;  old: from the snapshot taken at the start
//   put: a commit;  verify;  close
import { commands, open, parameters, say, thrown } from './program.mjs';

const [path] = parameters;
const db = open(path, { lockTimeout: 20_000 });
const data = db.store('data', { key: 'u32', value: 'bytes' });
const snapshot = db.snapshot();
const sum = (entries) => {
  let total = 0;
  for (const [, value] of entries) for (const byte of value) total += byte;
  return total;
};
say('sum', sum(snapshot.range(data)));
const rejected = (promise) =>
  promise.then(
    () => 'nothing',
    (e) => `${e.code} ${e.message}`,
  );
for await (const command of commands()) {
  if (command === 'all')
    say(
      'all',
      thrown(() => sum(data.range())),
    );
  if (command === 'old')
    say(
      'old',
      thrown(() => sum(snapshot.range(data))),
    );
  if (command === 'get')
    say(
      'get',
      thrown(() => {
        for (let k = 0; k < 2000; k++) data.get(k);
      }),
    );
  if (command === 'put') say('put', await rejected(data.put(1, Buffer.alloc(200, 1))));
  if (command === 'verify') say('verify', await rejected(db.verify()));
  if (command === 'sum') say('sum', sum(data.range()));
  if (command === 'close') {
    say(
      'close',
      thrown(() => db.closeSync()),
    );
    break;
  }
}
say('lives');
