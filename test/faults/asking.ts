/** A program whose main thread and worker threads do the same at once: programs/readers.mjs. */

import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { Child } from '../support/process-children.ts';

/** What each thread answered: numbers that it read, what it did, or the code of an error. */
export type Answers = readonly unknown[];

export class Readers {
  private readonly child: Child;

  private constructor(child: Child) {
    this.child = child;
  }

  /** `run` starts a command, on a disk of its own perhaps. */
  static async start(
    path: string,
    threads: number,
    run = (command: string, parameters: readonly string[]): Child => new Child(command, parameters),
  ): Promise<Readers> {
    const program = fileURLToPath(new URL('programs/readers.mjs', import.meta.url));
    const child = run(process.execPath, [program, path, String(threads)]);
    await child.line('ready');
    return new Readers(child);
  }

  async ask(command: string): Promise<Answers> {
    this.child.say(command);
    const [word = ''] = command.split(' ');
    const answer: unknown = JSON.parse((await this.child.line(word)).slice(word.length));
    if (!Array.isArray(answer)) throw new Error(`${command}: ${String(answer)}`);
    return answer;
  }

  /** Ends it in the middle of things. */
  async kill(): Promise<void> {
    await this.child.kill();
  }

  /** Closes in all threads; the process is alive, and said nothing of errors. */
  async lives(): Promise<Answers> {
    const closed = await this.ask('close');
    this.child.end();
    const { code, signal, error, lines } = await this.child.ended();
    expect([code, signal, error]).toEqual([0, null, '']);
    expect(lines.at(-1)).toBe('lives');
    return closed;
  }
}

/** The same answer from each thread. */
export const each = (answers: Answers, wanted: unknown): void => {
  for (const answer of answers) expect(answer).toEqual(wanted);
};
