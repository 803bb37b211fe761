/**
 * The steps of actors: what each operation does to the state, and which of them others can notice.
 */

import { ENTRY, entryAt, RETAINED_AT, SLOT, slotAt, WORD } from '../../src/format/lock-file.ts';
import type { Place, Places } from './inter-actor.ts';
import { type JobStep, OUTCOME, SECTION } from './inter-job.ts';
import {
  AT,
  type Cells,
  dropLocks,
  flushUnits,
  heldByOther,
  isOnDisk,
  kill,
  lockCell,
  MOST_JOBS,
  READER_SLOTS,
  releaseWriter,
  STATUS,
  tryWriter,
  unitOfPage,
  unitOfSlot,
  WORDS,
  writeUnit,
} from './inter-machine.ts';
import {
  afterStore,
  atIdle,
  BrokenProperty,
  beforeMeta,
  beforePage,
  noted,
} from './inter-properties.ts';
import { OPENER_BYTE } from './inter-storage.ts';

const FIRST_SLOT_WORD: number = slotAt(READER_SLOTS, 0);

/** Words that are there for messages only: what is stored in them is forgotten. */
function isForMessages(word: number): boolean {
  if (word >= WORD.writer && word < WORD.rolledBackTo) return true;
  return word >= FIRST_SLOT_WORD && (word - FIRST_SLOT_WORD) % 16 !== SLOT.snapshot;
}

/** Written by whoever holds the writer lock, and by nobody else who is not alone. */
function isUnderWriterLock(word: number): boolean {
  return word < FIRST_SLOT_WORD && word !== WORD.slotsUsed;
}

/** What one actor can do next: `go`, or its thread works, or a flush fails in either, or it dies. */
export type Choice = 'go' | 'work' | 'fail' | 'die';

export class Steps {
  readonly places: Places;
  /** Words that any step has changed: the others are constants, and to look at one is nothing. */
  readonly changed: Uint8Array = new Uint8Array(WORDS);
  /** Words under the writer lock that somebody looked at without it. */
  readonly watched: Uint8Array = new Uint8Array(WORDS);

  constructor(places: Places) {
    this.places = places;
  }

  private place(cells: Cells, actor: number): Place {
    return this.places.get(cells[AT.local + actor]!);
  }

  private jobStep(cells: Cells, actor: number): JobStep | undefined {
    const running = cells[AT.running + actor]!;
    const { operation } = running > 0 ? this.places.get(running) : this.place(cells, actor);
    if (operation.kind !== 'job' && operation.kind !== 'submit') return undefined;
    const section = cells[AT.section + actor]!;
    return section === 0
      ? undefined
      : operation.job.sections[section - 1]![cells[AT.step + actor]!];
  }

  /** Whether the actor's thread has a job to run. */
  canWork(cells: Cells, actor: number): boolean {
    return cells[AT.running + actor]! > 0;
  }

  /** Whether the actor can go on now; it waits for a lock otherwise. */
  canGo(cells: Cells, actor: number): boolean {
    const { operation } = this.place(cells, actor);
    switch (operation.kind) {
      case 'end':
        return cells[AT.running + actor] === 0;
      case 'job':
        return cells[AT.running + actor] === 0;
      case 'wait written':
        return cells[AT.written + actor]! >= operation.jobs;
      case 'wait ended':
        return cells[AT.ended + actor]! >= operation.jobs;
      case 'acquire writer':
        return cells[AT.writer] === 0 || cells[AT.writer] === actor + 1;
      case 'try lock':
        return operation.byte !== OPENER_BYTE || cells[lockCell(operation.byte)] === 0;
      default:
        return true;
    }
  }

  /** Whether a flush is next, which may fail. */
  canFail(cells: Cells, actor: number): boolean {
    return cells[AT.failuresLeft]! > 0 && this.jobStep(cells, actor)?.kind === 'flush';
  }

  /**
   * Whether no other living actor can notice the next step, whenever it is done: then only the death of
   * its own makes a difference. What it touches is under the writer lock, which it holds.
   */
  isPrivate(cells: Cells, actor: number): boolean {
    if (cells[AT.writer] !== actor + 1 || this.canWork(cells, actor)) return false;
    const { operation } = this.place(cells, actor);
    if (operation.kind === 'store') return this.isUnwatched(operation.word);
    const step = this.jobStep(cells, actor);
    if (step === undefined) return false;
    return step.kind === 'store' ? this.isUnwatched(step.word) : step.kind !== 'release';
  }

  private isUnwatched(word: number): boolean {
    return isUnderWriterLock(word) && this.watched[word] === 0;
  }

  /** Lets an actor make its handle, before the others begin. */
  attach(cells: Cells, actor: number): void {
    for (;;) {
      const { operation } = this.place(cells, actor);
      if (operation.kind === 'idle' || operation.kind === 'failed') break;
      this.step(cells, actor, 'go');
    }
    this.settle(cells, actor);
  }

  /** Whoever begins last finds the others' handles closed, when they are gone. */
  closeOthers(cells: Cells, actor: number): void {
    for (let other = 0; other < actor; other++) {
      if (cells[AT.status + other] === STATUS.ended) kill(cells, other);
    }
  }

  /** How many words are known to be changed or watched. */
  get known(): number {
    let known = 0;
    for (let word = 0; word < WORDS; word++) known += this.changed[word]! + this.watched[word]!;
    return known;
  }

  /** What is to be done, for a trace. */
  describe(cells: Cells, actor: number, choice: Choice): string {
    if (choice === 'die') return 'dies';
    const { operation } = this.place(cells, actor);
    const isJob = operation.kind === 'job' || choice === 'work' || choice === 'fail';
    const step = isJob ? this.jobStep(cells, actor) : operation;
    if (step === undefined) return 'submits a job';
    const { kind, ...rest } = step;
    const said = Object.entries(rest).map(([name, value]) =>
      name === 'word' ? nameOfWord(Number(value)) : `${name} ${String(value)}`,
    );
    const failing = choice === 'fail' ? ', which fails' : '';
    return `${isJob ? 'job: ' : ''}${kind} ${said.join(', ')}${failing}`;
  }

  /** Changes the state by one step of an actor, and by all that follow which nobody can notice. */
  take(cells: Cells, actor: number, choice: Choice): void {
    if (choice === 'die') {
      cells[AT.killsLeft]!--;
      kill(cells, actor);
      return;
    }
    if (this.canWork(cells, actor) && choice !== 'go') this.work(cells, actor, choice);
    else this.step(cells, actor, choice);
    this.settle(cells, actor);
  }

  /** A step of the actor's thread, and those after it that nobody can notice. */
  private work(cells: Cells, actor: number, choice: Choice): void {
    const go = (outcome: number): void => {
      cells[AT.outcomes + actor * MOST_JOBS + cells[AT.ended + actor]!] = outcome;
      cells[AT.ended + actor]!++;
      cells[AT.written + actor] = Math.max(cells[AT.written + actor]!, cells[AT.ended + actor]!);
      cells[AT.running + actor] = cells[AT.queued + actor]!;
      cells[AT.queued + actor] = 0;
      if (cells[AT.running + actor]! > 0) cells[AT.section + actor] = SECTION.main + 1;
    };
    this.jobGoesOn(cells, actor, choice, go);
    while (this.canWork(cells, actor) && this.jobStepIsNothing(cells, actor, true)) {
      this.jobGoesOn(cells, actor, 'work', go);
    }
  }

  /** Gives a job to the thread. */
  private submit(cells: Cells, actor: number): void {
    const place = cells[AT.local + actor]!;
    if (cells[AT.running + actor] === 0) {
      cells[AT.running + actor] = place;
      cells[AT.section + actor] = SECTION.main + 1;
    } else if (cells[AT.queued + actor] === 0) cells[AT.queued + actor] = place;
    else throw new Error('a thread is given more jobs than it can hold here');
  }

  /** Goes on to the next step that makes a difference. */
  settle(cells: Cells, actor: number): void {
    while (
      cells[AT.status + actor] === STATUS.runs &&
      this.isNothing(cells, actor) &&
      this.canGo(cells, actor)
    ) {
      this.step(cells, actor, 'go');
    }
  }

  /** Whether the next step makes no difference to anybody but the actor, nor when it is done. */
  private isNothing(cells: Cells, actor: number): boolean {
    const { operation } = this.place(cells, actor);
    switch (operation.kind) {
      case 'load': {
        const { word } = operation;
        if (this.changed[word] === 0 || isForMessages(word)) return true;
        const isAlone = cells[AT.writer] === actor + 1 && !this.canWork(cells, actor);
        if (isUnderWriterLock(word) && isAlone) return true;
        return this.isOwnSlot(cells, actor, word);
      }
      case 'store':
        return isForMessages(operation.word) || cells[operation.word] === operation.value;
      case 'read page':
      case 'read meta':
      case 'note':
      case 'idle':
      case 'end':
      case 'failed':
        return true;
      case 'submit':
        return true;
      case 'wait written':
      case 'wait ended':
        return true;
      case 'job':
        return this.jobStepIsNothing(cells, actor, false);
      default:
        return false;
    }
  }

  /** `beside`: the actor itself goes on meanwhile. */
  private jobStepIsNothing(cells: Cells, actor: number, beside: boolean): boolean {
    if (cells[AT.section + actor] === 0) return true;
    const step = this.jobStep(cells, actor);
    if (step === undefined || step.kind === 'guard' || step.kind === 'notify') return true;
    if (step.kind === 'store') return cells[step.word] === step.value;
    // Pages that it writes are read by nobody before it says that they are written.
    if (beside) return step.kind === 'page' && cells[AT.killsLeft] === 0;
    // Zeros ahead of what is used are there already.
    return step.kind === 'page' && isThere(cells, unitOfPage(step.page), step.content);
  }

  private isOwnSlot(cells: Cells, actor: number, word: number): boolean {
    if (word < FIRST_SLOT_WORD) return false;
    const slot = Math.floor((word - FIRST_SLOT_WORD) / 16);
    return cells[AT.bytes + slot] === actor + 1;
  }

  private step(cells: Cells, actor: number, choice: Choice): void {
    const { operation } = this.place(cells, actor);
    const go = (result: number): void => {
      cells[AT.local + actor] = this.places.after(cells[AT.local + actor]!, result).id;
    };
    switch (operation.kind) {
      case 'load':
        this.watch(cells, actor, operation.word);
        go(cells[operation.word]!);
        break;
      case 'store':
        this.store(cells, operation.word, operation.value);
        go(0);
        break;
      case 'exchange': {
        const found = cells[operation.word]!;
        if (found === operation.from) this.store(cells, operation.word, operation.to);
        go(found);
        break;
      }
      case 'fill':
        for (let word = 0; word < WORDS; word++) {
          if (cells[word] !== 0) this.changed[word] = 1;
          cells[word] = 0;
        }
        go(0);
        break;
      case 'read page':
        go(cells[AT.cache + unitOfPage(operation.page)]!);
        break;
      case 'read meta':
        go(cells[AT.cache + unitOfSlot(operation.slot)]!);
        break;
      case 'try lock': {
        const at = lockCell(operation.byte);
        const isFree = cells[at] === 0 || cells[at] === actor + 1;
        if (isFree) cells[at] = actor + 1;
        go(isFree ? 1 : 0);
        break;
      }
      case 'unlock': {
        const at = lockCell(operation.byte);
        if (cells[at] === actor + 1) cells[at] = 0;
        go(0);
        break;
      }
      case 'is locked':
        go(heldByOther(cells, actor, operation.byte, operation.count) ? 1 : 0);
        break;
      case 'acquire writer':
      case 'try writer':
        go(tryWriter(cells, actor) ? 1 : 0);
        break;
      case 'release writer':
        releaseWriter(cells, actor);
        go(0);
        break;
      case 'close':
        dropLocks(cells, actor);
        go(0);
        break;
      case 'wait':
        go(0);
        break;
      case 'idle':
        atIdle(cells, actor);
        go(0);
        break;
      case 'note':
        noted(cells, actor, operation.note, operation.value);
        go(0);
        break;
      case 'end':
        cells[AT.status + actor] = STATUS.ended;
        cells[AT.local + actor] = 0;
        break;
      case 'failed':
        throw new BrokenProperty(`actor ${actor}: ${operation.message}`);
      case 'submit':
        this.submit(cells, actor);
        go(0);
        break;
      case 'wait written':
        go(0);
        break;
      case 'wait ended':
        go(cells[AT.outcomes + actor * MOST_JOBS + operation.jobs - 1]!);
        break;
      case 'have ended':
        go(cells[AT.ended + actor]! >= operation.jobs ? 1 : 0);
        break;
      case 'job':
        this.jobGoesOn(cells, actor, choice, go);
        break;
    }
  }

  private jobGoesOn(
    cells: Cells,
    actor: number,
    choice: Choice,
    go: (result: number) => void,
  ): void {
    const section = cells[AT.section + actor]!;
    if (section === 0) {
      cells[AT.section + actor] = SECTION.main + 1;
      return;
    }
    const step = this.jobStep(cells, actor);
    if (step === undefined) {
      // The section is at its end: FINALLY is run in every case, last.
      cells[AT.step + actor] = 0;
      if (section !== SECTION.finally + 1) cells[AT.section + actor] = SECTION.finally + 1;
      else {
        const outcome = cells[AT.outcome + actor]!;
        cells[AT.section + actor] = 0;
        cells[AT.outcome + actor] = 0;
        go(outcome);
      }
      return;
    }
    const outcome = this.jobStepDone(cells, actor, step, choice);
    if (outcome === OUTCOME.done) {
      cells[AT.step + actor]!++;
      return;
    }
    cells[AT.outcome + actor] = outcome;
    cells[AT.step + actor] = 0;
    const next = outcome === OUTCOME.cancelled ? SECTION.onAbort : SECTION.onPoison;
    cells[AT.section + actor] = next + 1;
  }

  private jobStepDone(cells: Cells, actor: number, step: JobStep, choice: Choice): number {
    switch (step.kind) {
      case 'page':
        beforePage(cells, step.page, step.content);
        writeUnit(cells, unitOfPage(step.page), step.content);
        break;
      case 'meta':
        beforeMeta(cells, step.slot);
        writeUnit(cells, unitOfSlot(step.slot), step.content);
        break;
      case 'flush':
        flushUnits(cells, choice !== 'fail');
        if (choice !== 'fail') break;
        cells[AT.failuresLeft]!--;
        return OUTCOME.failed;
      case 'store':
        this.store(cells, step.word, step.value);
        break;
      case 'guard':
        if (cells[step.word] !== step.value) return OUTCOME.cancelled;
        break;
      case 'notify':
        if (this.canWork(cells, actor)) cells[AT.written + actor] = cells[AT.ended + actor]! + 1;
        break;
      case 'release':
        releaseWriter(cells, actor);
        break;
    }
    return OUTCOME.done;
  }

  private store(cells: Cells, word: number, value: number): void {
    if (isForMessages(word)) return;
    const before = cells[word]!;
    cells[word] = value;
    if (before !== value) this.changed[word] = 1;
    afterStore(cells, word, before);
  }

  private watch(cells: Cells, actor: number, word: number): void {
    if (isUnderWriterLock(word) && cells[AT.writer] !== actor + 1) this.watched[word] = 1;
  }
}

function isThere(cells: Cells, unit: number, content: number): boolean {
  const isClean = cells[AT.dirty + unit] === 0 && isOnDisk(cells, unit);
  return isClean && cells[AT.cache + unit] === content;
}

/** What a word of the lock file is, for a trace. */
function nameOfWord(word: number): string {
  if (word >= FIRST_SLOT_WORD) return `slot ${Math.floor((word - FIRST_SLOT_WORD) / 16)}`;
  if (word >= RETAINED_AT) {
    const entry = Math.floor((word - RETAINED_AT) / 16);
    const field = Object.entries(ENTRY).find(([, at]) => entryAt(entry) + at === word);
    return `entry ${entry} ${field?.[0] ?? word - entryAt(entry)}`;
  }
  return Object.entries(WORD).find(([, at]) => at === word)?.[0] ?? `word ${word}`;
}
