/** One part of a measurement: NAME INPUT, both told by child-process.ts; prints the result. */

import { parts } from './all.ts';

const [, , name, input = ''] = process.argv;
const part = parts.find((candidate) => candidate.name === name);
if (part === undefined) throw new RangeError(`There is no part "${name}".`);
process.stdout.write(JSON.stringify(await part.run(JSON.parse(input))));
