/**
 * A writer that builds each commit while the one before is being flushed. `Pager.beginWrite` and `commit`
 * do that with promises, at which no actor can be stopped; so what they do between two of them is
 * called here one after the other, and where they wait stands an operation that waits.
 */

import type { PreparedCommit } from '../../src/pager/commit.ts';
import type { InFlight, JobRunner } from '../../src/pager/job-runner.ts';
import type { Durability, WriteSession } from '../../src/pager/write-session.ts';
import type { WriterTurn } from '../../src/pager/writer-turn.ts';
import type { Actor, Handle, Program } from './inter-actor.ts';
import { changeSomething } from './inter-begin.ts';
import { errorOf, OUTCOME } from './inter-job.ts';
import { replay } from './inter-operations.ts';
import { refused, STOPPED } from './inter-programs.ts';

/** What is private to the pager, by name. */
interface Insides {
  readonly jobs: JobRunner;
  readonly turn: WriterTurn;
  newSession(): WriteSession;
  prepare(session: WriteSession, page: number, birth: number, how: Durability): PreparedCommit;
}

interface Given {
  readonly id: number;
  readonly how: Durability;
  readonly inFlight: InFlight;
}

/** Commits, none of which waits for the end of the one before; at most three. */
export function pipeline(durabilities: readonly Durability[]): Program {
  return {
    name: `pipeline: ${durabilities.join(', ')}`,
    attaches: true,
    run: (actor) => {
      const handle = actor.attach();
      actor.idle(handle, 0);
      const given: Given[] = [];
      const stopped = refused(STOPPED, () => {
        for (const how of durabilities) given.push(submit(handle, actor, given.length, how));
      });
      const pager = handle.pager as unknown as Insides;
      let hasFailed = false;
      given.forEach(({ id, how, inFlight }, i) => {
        const outcome = replay.other(() => ({ kind: 'wait ended', jobs: i + 1 }));
        settle(pager.jobs, inFlight, outcome);
        hasFailed ||= outcome !== OUTCOME.done;
        if (outcome !== OUTCOME.done) actor.note('failed', id);
        else actor.note(how === 'commit' ? 'told durable' : 'told', id);
      });
      if (stopped || hasFailed) actor.note('stopped');
      actor.idle(handle, durabilities.length);
    },
  };
}

/** As `Pager.beginWrite`, and then `Pager.commit`, after `before` jobs. */
function submit(handle: Handle, actor: Actor, before: number, how: Durability): Given {
  const { storage } = handle;
  const pager = handle.pager as unknown as Insides;
  const { jobs, turn } = pager;
  if (jobs.inFlight !== undefined) {
    replay.other(() => ({ kind: 'wait written', jobs: before }));
    jobs.inFlight.isWritten = true;
  }
  if (jobs.inFlight === undefined || !storage.tryAcquireWriter()) {
    if (jobs.inFlight !== undefined) {
      settle(
        jobs,
        jobs.inFlight,
        replay.other(() => ({ kind: 'wait ended', jobs: before })),
      );
    }
    storage.acquireWriterSync(0);
  }
  let session: WriteSession;
  try {
    jobs.forgetFinished();
    turn.start();
    session = pager.newSession();
  } catch (error) {
    turn.release();
    throw error;
  }
  actor.note('began', session.id);
  const page = changeSomething(session);
  // The end of the job before may be told while the transaction is built, or not yet.
  if (before > 0 && replay.other(() => ({ kind: 'have ended', jobs: before })) === 1) {
    const outcome = replay.other(() => ({ kind: 'wait ended', jobs: before }));
    settle(jobs, jobs.inFlight, outcome);
  }
  let prepared: PreparedCommit;
  try {
    prepared = pager.prepare(session, page, session.id, how);
  } catch (error) {
    handle.pager.abort(session);
    throw error;
  }
  void jobs.run(prepared);
  return { id: session.id, how, inFlight: jobs.inFlight! };
}

/** What JobRunner does when it is told of the end of a job. */
function settle(jobs: JobRunner, inFlight: InFlight | undefined, outcome: number): void {
  if (outcome !== OUTCOME.done) jobs.lastFailure = jobs.translate(errorOf(outcome), 0);
  if (jobs.inFlight === inFlight) jobs.inFlight = undefined;
}
