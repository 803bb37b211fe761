// open-only.mjs PATH OPTIONS: opens, says 'open' or the code of the error, and stays until told to go.
import { commands, open, parameters, say } from './program.mjs';

const [path, options] = parameters;
try {
  const db = open(path, JSON.parse(options ?? '{}'));
  say('open', db.lastTransaction);
  for await (const command of commands()) if (command === 'go') break;
  await db.close();
} catch (error) {
  say(error.code, error.message);
}
