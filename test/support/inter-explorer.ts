/**
 * All interleavings of a few actors, or random ones of more. A state is met once: whoever comes to it by
 * another order of steps goes no further.
 *
 * Three steps are left out, because they make no difference: what nobody can notice is done together
 * with the step before it; a step that only the death of its own actor can tell apart is not interleaved
 * with others (Steps.isPrivate); a word that no step changes is a constant. Which words are changed
 * and watched is found out on the way, and when one is added the exploration begins anew.
 */

import { SLOT, slotAt, WORD } from '../../src/format/lock-file.ts';
import type { Durability } from '../../src/pager/write-session.ts';
import { Places, type Program } from './inter-actor.ts';
import type { Beginning } from './inter-begin.ts';
import { AT, type Cells, hashOf, READER_SLOTS, STATUS, Visited } from './inter-machine.ts';
import { atRest, BrokenProperty, nothingLeft } from './inter-properties.ts';
import { type Choice, Steps } from './inter-steps.ts';
import type { Random } from './sim-random.ts';

export interface Scenario {
  readonly actors: readonly Program[];
  readonly name: string;
  /** Commits before all of it. */
  readonly before: readonly Durability[];
  /** A slot that lists what is published, of a handle that died long ago. */
  readonly deadSlot?: number;
  readonly kills: number;
  readonly failures: number;
  /** Begins when all others are over, and is alone when they are gone. */
  readonly last?: Program;
  /** Whether who has ended is gone too, its handle closed. */
  readonly gone?: boolean;
}

interface Seen {
  readonly states: number;
  readonly steps: number;
  readonly ends: number;
}

export interface Explored extends Seen {
  readonly places: number;
  readonly complete: boolean;
  /** What was wrong, and the steps that lead to it. */
  readonly broken: string | undefined;
}

interface Move {
  readonly actor: number;
  readonly choice: Choice;
}

interface Frame {
  readonly cells: Cells;
  readonly moves: readonly Move[];
  next: number;
}

/** No run of an actor is longer than this; a longer one goes round in circles. */
const MOST_DEPTH = 3000;

export class Interleavings {
  private readonly scenario: Scenario;
  private readonly steps: Steps;
  private readonly first: Cells;
  private readonly count: number;

  constructor(scenario: Scenario, { cells: made, identity }: Beginning) {
    this.scenario = scenario;
    const cells = made.slice();
    const places = new Places(identity);
    this.steps = new Steps(places);
    this.count = scenario.actors.length;
    const { deadSlot } = scenario;
    if (deadSlot !== undefined) {
      cells[slotAt(READER_SLOTS, deadSlot) + SLOT.snapshot] = cells[WORD.published]!;
      cells[WORD.slotsUsed] = deadSlot + 1;
    }
    cells[AT.killsLeft] = scenario.kills;
    cells[AT.failuresLeft] = scenario.failures;
    scenario.actors.forEach((program, actor) => {
      cells[AT.local + actor] = places.start(program).id;
    });
    if (scenario.last !== undefined) {
      cells[AT.local + this.count] = places.start(scenario.last).id;
    }
    this.first = cells;
  }

  /** The first state: each has its handle, as the programs attach them. */
  private begin(): Cells {
    const cells = this.first.slice();
    this.scenario.actors.forEach(({ attaches }, actor) => {
      if (attaches) this.steps.attach(cells, actor);
    });
    return cells;
  }

  /** What can be done in a state. */
  private moves(cells: Cells): Move[] {
    const moves: Move[] = [];
    const { steps, count } = this;
    let running = 0;
    for (let actor = 0; actor < count; actor++) {
      if (cells[AT.status + actor] !== STATUS.runs) continue;
      running++;
      const dies: Move[] = cells[AT.killsLeft]! > 0 ? [{ actor, choice: 'die' }] : [];
      const own = dies;
      if (steps.canWork(cells, actor)) own.unshift({ actor, choice: 'work' });
      if (steps.canGo(cells, actor)) own.unshift({ actor, choice: 'go' });
      else if (!steps.canWork(cells, actor)) {
        moves.push(...dies);
        continue;
      }
      if (steps.canFail(cells, actor)) own.push({ actor, choice: 'fail' });
      if (steps.isPrivate(cells, actor)) return own;
      moves.push(...own);
    }
    if (running === 0 && this.scenario.last !== undefined) return this.lastMoves(cells);
    return moves;
  }

  private lastMoves(cells: Cells): Move[] {
    const actor = this.count;
    if (cells[AT.status + actor] !== STATUS.runs || !this.steps.canGo(cells, actor)) return [];
    const moves: Move[] = [{ actor, choice: 'go' }];
    if (this.steps.canFail(cells, actor)) moves.push({ actor, choice: 'fail' });
    return moves;
  }

  private take(cells: Cells, { actor, choice }: Move): void {
    if (actor === this.count && this.scenario.gone === true) this.steps.closeOthers(cells, actor);
    this.steps.take(cells, actor, choice);
    // Alone, it goes on as far as there is nothing to choose.
    if (actor !== this.count) return;
    while (this.lastMoves(cells).length === 1) this.steps.take(cells, actor, 'go');
  }

  private end(cells: Cells): void {
    const { last } = this.scenario;
    atRest(cells, last === undefined ? this.count : this.count + 1);
    if (last !== undefined && cells[WORD.poisoned] === 0) nothingLeft(cells);
  }

  /** Depth first, every interleaving, as far as `most` states. */
  explore(most: number): Explored {
    for (;;) {
      const known = this.steps.known;
      const explored = this.exploreOnce(most);
      if (explored.broken !== undefined || !explored.complete) return explored;
      if (this.steps.known === known) return explored;
    }
  }

  private exploreOnce(most: number): Explored {
    const visited = new Visited();
    const stack: Frame[] = [];
    let steps = 0;
    let ends = 0;
    const seen = (): Seen => ({ states: visited.size, steps, ends });
    try {
      const push = (cells: Cells): void => {
        if (!visited.add(hashOf(cells))) return;
        const moves = this.moves(cells);
        if (moves.length > 0) stack.push({ cells, moves, next: 0 });
        else {
          ends++;
          this.end(cells);
        }
      };
      push(this.begin());
      while (stack.length > 0 && visited.size < most) {
        const frame = stack[stack.length - 1]!;
        const move = frame.moves[frame.next++];
        if (move === undefined) {
          stack.pop();
          continue;
        }
        if (stack.length > MOST_DEPTH) throw new BrokenProperty('somebody goes round in circles');
        const cells = frame.cells.slice();
        steps++;
        this.take(cells, move);
        push(cells);
      }
    } catch (error) {
      return this.broken(seen(), error, stack);
    }
    return this.whole(seen(), stack.length === 0);
  }

  /** Random walks from the first state, until one is broken or `walks` were made. */
  walk(walks: number, random: Random): Explored {
    const visited = new Visited();
    let steps = 0;
    let ends = 0;
    const seen = (): Seen => ({ states: visited.size, steps, ends });
    for (let i = 0; i < walks; i++) {
      const stack: Frame[] = [];
      try {
        let cells = this.begin();
        // Some run on for long, others change at each step; few die at once.
        const stays = random.pick([0, 0.5, 0.8, 0.95]);
        let actor = -1;
        for (;;) {
          visited.add(hashOf(cells));
          const moves = this.moves(cells);
          if (moves.length === 0) break;
          let fair = moves.filter(
            ({ choice }) => choice === 'go' || choice === 'work' || random.chance(0.03),
          );
          if (random.chance(stays) && fair.some((move) => move.actor === actor)) {
            fair = fair.filter((move) => move.actor === actor);
          }
          const move = fair.length > 0 ? random.pick(fair) : random.pick(moves);
          actor = move.actor;
          stack.push({ cells, moves: [move], next: 1 });
          if (stack.length > MOST_DEPTH) throw new BrokenProperty('somebody goes round in circles');
          cells = cells.slice();
          steps++;
          this.take(cells, move);
        }
        ends++;
        this.end(cells);
      } catch (error) {
        return this.broken(seen(), error, stack);
      }
    }
    return this.whole(seen(), false);
  }

  private whole(seen: Seen, complete: boolean): Explored {
    return { ...seen, places: this.steps.places.count, complete, broken: undefined };
  }

  private broken(seen: Seen, error: unknown, stack: readonly Frame[]): Explored {
    const broken = `${messageOf(error)}\n${this.trace(stack)}`;
    return { ...seen, places: this.steps.places.count, complete: false, broken };
  }

  private trace(stack: readonly Frame[]): string {
    return stack
      .map(({ cells, moves, next }) => {
        const move = moves[next - 1];
        if (move === undefined) return '';
        const { actor, choice } = move;
        return `  actor ${actor}: ${this.steps.describe(cells, actor, choice)}`;
      })
      .join('\n');
  }
}

function messageOf(error: unknown): string {
  if (error instanceof BrokenProperty) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
