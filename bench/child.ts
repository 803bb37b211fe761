/**
 * One contender with one workload, in a process of its own: sets up, says so, does a round whenever
 * it is told to, and tells how long that took. Started by runner.ts.
 */

import { contenderNamed } from './contenders/all.ts';
import { ascendingRows } from './data.ts';
import { writesOfThisProcess } from './process-writes.ts';
import type { ChildTask, Reply, Request } from './protocol.ts';
import { workloadNamed } from './workloads/all.ts';
import type { Prepared } from './workloads/workload.ts';

const task: ChildTask = JSON.parse(process.argv[2] ?? '');
const contender = contenderNamed(task.contender);
let prepared: Prepared | undefined;

process.on('message', (request: Request) => {
  answer(request).catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
});
tell({ kind: 'started' });

async function answer(request: Request): Promise<void> {
  if (request === 'fill') {
    const start = performance.now();
    const session = await contender.open(task.folder);
    await session.fill(ascendingRows(task.scale.rows));
    await session.close();
    tell({ kind: 'filled', ms: performance.now() - start });
  } else if (request === 'round') {
    if (prepared === undefined) {
      prepared = await workloadNamed(task.workload).prepare({ ...task, contender });
    }
    // What earlier rounds left is not this one's.
    globalThis.gc?.();
    const before = writesOfThisProcess();
    const usageBefore = process.resourceUsage();
    const round = await prepared.round();
    const usage = process.resourceUsage();
    const after = writesOfThisProcess();
    const faults = {
      minor: usage.minorPageFault - usageBefore.minorPageFault,
      major: usage.majorPageFault - usageBefore.majorPageFault,
    };
    const writes = { calls: after.calls - before.calls, bytes: after.bytes - before.bytes };
    tell({ kind: 'round', ...round, writes, faults });
  } else {
    await prepared?.close();
    tell({ kind: 'closed', peakRssBytes: process.resourceUsage().maxRSS * 1024 });
    process.disconnect();
  }
}

function tell(reply: Reply): void {
  process.send?.(reply);
}
