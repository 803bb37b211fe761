// threads.mjs PATH ID: a writer and a reader in worker threads of one process.
import { Worker } from 'node:worker_threads';
import { fail, parameters } from './program.mjs';

const [path, id] = parameters;
for (const [name, workerData] of [
  ['writer.mjs', [path, id, '{"pause":8}']],
  ['reader.mjs', [path]],
]) {
  const worker = new Worker(new URL(name, import.meta.url), { workerData });
  worker.on('error', fail);
  worker.on('exit', (code) => fail(new Error(`the worker ${name} ended with ${code}`)));
}
