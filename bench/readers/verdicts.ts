/** The goals for readers, judged by what was measured. */

import { OURS } from '../contenders/names.ts';
import type { Verdict } from '../goals.ts';
import type { ReadersResult } from './measure.ts';
import type { ReadersReport } from './report.ts';
import { besideWriter, type Clock, linearity } from './scaling.ts';

type Judged = Pick<ReadersReport, 'results' | 'processors'>;

/** What still counts as linear: the readers share the processor's caches, and the machine. */
const LINEAR = 0.9;
/** How far the share of a process may be from 1/N of what it maps. */
const SHARE_TOLERANCE = 0.05;
/** What readers may lose beside a writer. */
const LOSS = 0.05;
/** What else runs on a machine spoils the figure by the clock, and that by processor time less. */
const CLOCKS: readonly { readonly clock: Clock; readonly said: string }[] = [
  { clock: 'clock', said: 'by the clock' },
  { clock: 'processor', said: 'by processor time' },
];

export function judgeReaders({ results, processors }: Judged): Verdict[] {
  const ours = results.filter(({ contender }) => contender === OURS);
  return ours.flatMap((result) => [
    ...judgeScaling(result, processors),
    ...judgeMemory(result),
    ...judgeBesideWriter(result),
  ]);
}

function judgeScaling({ scaling, kind }: ReadersResult, processors: number): Verdict[] {
  return scaling
    .filter(({ readers }) => readers > 1)
    .flatMap(({ readers }) =>
      CLOCKS.map(({ clock, said }) => {
        const value = linearity(scaling, readers, processors, clock);
        const many = readers <= processors ? `${readers} x one` : `that of ${processors}`;
        const by = clock === 'processor' ? 'one' : many;
        return {
          goal: `${readers} ${kind}: throughput is linear, ${said}`,
          figure: value === undefined ? 'not in this run' : `${value.toFixed(3)} of ${by}`,
          target: `at least ${LINEAR}`,
          met: value === undefined ? undefined : value >= LINEAR,
        };
      }),
    );
}

function judgeMemory({ memory, kind }: ReadersResult): Verdict[] {
  if (kind === 'threads') return [];
  return memory
    .filter(({ readers }) => readers > 1)
    .map(({ readers, each }) => {
      // Of each process, times N: 1 where all share all of it.
      const shares = each.map(({ file }) => (file.pssBytes * readers) / file.rssBytes);
      const worst = Math.max(...shares);
      return {
        goal: `${readers} processes: Pss of the file is 1/N of what each maps`,
        figure: `${worst.toFixed(3)}/${readers} at most`,
        target: `within ${100 * SHARE_TOLERANCE} % of 1/${readers}`,
        met: worst <= 1 + SHARE_TOLERANCE,
      };
    });
}

function judgeBesideWriter(result: ReadersResult): Verdict[] {
  return result.besideWriter.flatMap(({ pairs, readers, putsACommit }) =>
    CLOCKS.map(({ clock, said }) => {
      const value = besideWriter(pairs, clock);
      return {
        goal: `${result.kind}: ${readers} beside a writer of ${putsACommit} a commit, ${said}`,
        figure: `${value.toFixed(3)} of without`,
        target: `at least ${1 - LOSS}`,
        met: value >= 1 - LOSS,
      };
    }),
  );
}
