/** What the demo prints, and the checks that decide how it ends. */

import { number, percent, plural } from './numbers.ts';

export class Report {
  private readonly out: NodeJS.WriteStream;
  private readonly colours: boolean;
  private sections = 0;
  private checks = 0;
  private readonly failures: string[] = [];
  /** A progress line stands on the terminal, without an end. */
  private unfinished = false;
  private reported = 0;

  constructor(out: NodeJS.WriteStream) {
    this.out = out;
    this.colours = out.isTTY === true && (process.env.NO_COLOR ?? '') === '';
  }

  title(text: string): void {
    this.write(this.paint('1', text));
  }

  section(text: string): void {
    this.write('');
    this.write(this.paint('1;36', `${++this.sections}  ${text}`));
  }

  line(text = ''): void {
    this.write(`   ${text}`);
  }

  /** Something that explains and is no result. */
  note(text: string): void {
    this.write(this.paint('2', `   ${text}`));
  }

  /** Prints what was checked and how it came out; a failure makes the demo fail. */
  check(holds: boolean, what: string, found = ''): boolean {
    this.checks++;
    if (!holds) this.failures.push(found === '' ? what : `${what}: ${found}`);
    const mark = holds ? this.paint('32', '✓') : this.paint('1;31', '✗ FAILED:');
    this.write(` ${mark} ${what}${holds || found === '' ? '' : `: ${found}`}`);
    return holds;
  }

  /** The same for checks that are only worth a line when they fail. */
  expect(holds: boolean, what: string, found = ''): boolean {
    if (!holds) return this.check(holds, what, found);
    this.checks++;
    return holds;
  }

  /** On a terminal one line that changes, elsewhere a line for each half. */
  progress(label: string, done: number, total: number): void {
    if (this.out.isTTY === true) {
      this.out.write(`\r   ${label}${percent(done, total)} of ${number(total)} `);
      this.unfinished = true;
      return;
    }
    const halves = Math.floor((2 * done) / total);
    if (halves > this.reported && done < total) {
      this.line(`${label}${number(done).padStart(9)} so far`);
    }
    this.reported = done < total ? halves : 0;
  }

  /** Says how all went; returns whether every check held. */
  end(seconds: string): boolean {
    this.write('');
    for (const failure of this.failures) this.write(this.paint('1;31', `FAILED: ${failure}`));
    const checks = plural(this.checks, 'check');
    if (this.failures.length === 0) {
      this.write(this.paint('1;32', `All ${checks} held, in ${seconds}.`));
    } else {
      this.write(this.paint('1;31', `${this.failures.length} of ${checks} FAILED, in ${seconds}.`));
    }
    return this.failures.length === 0;
  }

  private write(text: string): void {
    if (this.unfinished) this.out.write('\r\x1b[K');
    this.unfinished = false;
    this.out.write(`${text}\n`);
  }

  private paint(code: string, text: string): string {
    return this.colours ? `\x1b[${code}m${text}\x1b[0m` : text;
  }
}
