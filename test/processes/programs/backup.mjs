// backup.mjs PATH TARGET WHAT: again and again makes TARGET, by a backup of PATH ('full', 'compact'),
// or by 'restore' of PATH, a full backup; says 'begin' and 'done' each time.
import { restore } from '../../../dist/bundle/coppice.js';
import { fail, open, parameters, say } from './program.mjs';

const [path, target, what] = parameters;
try {
  const db = what === 'restore' ? undefined : open(path);
  for (;;) {
    say('begin');
    if (db === undefined) await restore([path], target);
    else await db.backup(target, { compact: what === 'compact' });
    say('done');
  }
} catch (error) {
  fail(error);
}
