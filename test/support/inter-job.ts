/**
 * A job of the pager, cut into the smallest steps between which its process may die: a page, a meta, a
 * flush, a store of one word.
 */

import { META_SLOT_BYTES, META_SLOT_OFFSETS } from '../../src/format/geometry.ts';
import { hashChunk } from '../../src/pager/chunk-checksum.ts';
import { type Job, OP } from '../../src/pager/job.ts';
import { native } from '../../src/pager/native.ts';
import { contentOf, PAGE_BYTES } from './inter-content.ts';
import { PAGES } from './inter-machine.ts';
import { parse, type Step } from './recording-storage.ts';
import { nativeError } from './sim-machine.ts';

export type JobStep =
  | { readonly kind: 'page'; readonly page: number; readonly content: number }
  | { readonly kind: 'meta'; readonly slot: number; readonly content: number }
  | { readonly kind: 'flush' }
  | { readonly kind: 'store'; readonly word: number; readonly value: number }
  | { readonly kind: 'guard'; readonly word: number; readonly value: number }
  | { readonly kind: 'notify' }
  | { readonly kind: 'release' };

/** The sections of a job in the order of job.ts; each is run from its first step. */
export interface CompiledJob {
  readonly sections: readonly (readonly JobStep[])[];
}

export const SECTION = { main: 0, onAbort: 1, onPoison: 2, finally: 3 } as const;

/** What a job can come to, as the actor that waits for it is told. */
export const OUTCOME = { done: 0, failed: 5, cancelled: 125 } as const;

/** The failure as the addon tells it. */
export function errorOf(outcome: number): Error {
  return outcome === OUTCOME.cancelled
    ? nativeError('guard', 'ECANCELED')
    : nativeError('msync', 'EIO');
}

export function compile(job: Job): CompiledJob {
  const { main, onAbort, onPoison, finally: last } = parse(job.steps);
  return {
    sections: [main, onAbort, onPoison, last].map((steps) =>
      steps.flatMap((step) => compileStep(job, step)),
    ),
  };
}

function compileStep(job: Job, { op, at, pieces }: Step): JobStep[] {
  const first = job.steps[at + 1]!;
  const second = job.steps[at + 2]!;
  switch (op) {
    case OP.WRITE_PAGES: {
      const secret = { low: second, high: job.steps[at + 3]! };
      return writes(job, at + 5, pieces, (bytes, page) => {
        hashChunk(native(), bytes, 8, PAGE_BYTES, page, secret, bytes, 0);
      });
    }
    case OP.WRITE:
      return writes(job, at + 2, pieces, () => {});
    case OP.ZERO:
      return zeros(first, second);
    case OP.FLUSH:
      return [{ kind: 'flush' }];
    case OP.STORE:
      return [{ kind: 'store', word: first, value: second }];
    case OP.STORE_ERRNO:
      return [{ kind: 'store', word: first, value: OUTCOME.failed }];
    case OP.GUARD:
      return [{ kind: 'guard', word: first, value: second }];
    case OP.RELEASE:
      return [{ kind: 'release' }];
    case OP.NOTIFY:
      return [{ kind: 'notify' }];
    case OP.WAKE:
      // Nobody waits there: it changes nothing that others could see.
      return [];
    default:
      throw new Error(`no interleaving has the operation ${op} in a job`);
  }
}

function writes(
  job: Job,
  at: number,
  pieces: number,
  seal: (bytes: Uint8Array, page: number) => void,
): JobStep[] {
  const steps: JobStep[] = [];
  for (let i = 0; i < pieces; i++) {
    const [buffer, start, length, offset] = job.steps.slice(at + 4 * i, at + 4 * i + 4);
    const bytes = job.buffers[buffer!]!.subarray(start!, start! + length!);
    const slot = META_SLOT_OFFSETS.indexOf(offset!);
    if (slot >= 0 && length === META_SLOT_BYTES) {
      steps.push({ kind: 'meta', slot, content: contentOf(bytes) });
      continue;
    }
    for (let done = 0; done < length!; done += PAGE_BYTES) {
      const page = (offset! + done) / PAGE_BYTES;
      const one = bytes.slice(done, done + PAGE_BYTES);
      seal(one, page);
      steps.push({ kind: 'page', page, content: contentOf(one) });
    }
  }
  return steps;
}

function zeros(offset: number, length: number): JobStep[] {
  const slot = META_SLOT_OFFSETS.indexOf(offset);
  if (slot >= 0) return [{ kind: 'meta', slot, content: 0 }];
  const steps: JobStep[] = [];
  const { first, count } = PAGES;
  for (let done = 0; done < length; done += PAGE_BYTES) {
    const page = (offset + done) / PAGE_BYTES;
    // What lies past all that is ever used needs no state.
    if (page < first + count) steps.push({ kind: 'page', page, content: 0 });
  }
  return steps;
}
