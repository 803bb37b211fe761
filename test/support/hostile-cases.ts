/** The cases: each follows from the seed and its number alone. */

import type { Base } from './hostile-bases.ts';
import { type Draw, PLAIN_DAMAGE } from './hostile-damage.ts';
import { Image, type Patch } from './hostile-image.ts';
import { SEALED_DAMAGE } from './hostile-sealed.ts';
import { Dice } from './process-random.ts';

export type Verify = 'first-read' | 'always' | 'structure';

/** One damaged file, and what to do with it. */
export interface Case {
  readonly id: number;
  readonly base: number;
  readonly patches: readonly Patch[];
  readonly lengthBytes: number;
  readonly verify: Verify;
  /** Read as a file that nobody writes, as a reader beside writers, or written. */
  readonly use: 'immutable' | 'readOnly' | 'write';
  readonly recover: boolean;
  /** No checksum was made right, and all are compared: what is read has to be what was written. */
  readonly exact: boolean;
  /** Which changes are made. */
  readonly variant: number;
}

/** Makes cases of the bases, one after the other. */
export class Cases {
  private readonly bases: readonly Base[];
  private readonly images: readonly Image[];
  private readonly name: string;

  constructor(name: string, bases: readonly Base[]) {
    this.name = name;
    this.bases = bases;
    this.images = bases.map(({ bytes, content }) => new Image(bytes, content));
  }

  make(id: number): Case {
    const dice = new Dice(this.name, id);
    const base = this.draw(dice);
    const image = this.images[base]!;
    const draw: Draw = { image, dice, older: this.bases[base]!.older };
    const sealed = dice.below(2) === 0;
    for (let n = dice.below(4) === 0 ? 1 + dice.below(3) : 1; n > 0; n--) {
      dice.pick(sealed ? SEALED_DAMAGE : PLAIN_DAMAGE)(draw);
    }
    const verify = dice.pick<Verify>(['first-read', 'always', 'structure']);
    const use = dice.pick(['immutable', 'immutable', 'readOnly', 'write', 'write'] as const);
    const made: Case = {
      id,
      base,
      patches: image.patches(),
      lengthBytes: image.lengthBytes,
      verify,
      use,
      recover: use === 'write' && dice.below(8) === 0,
      exact: !sealed && verify !== 'structure',
      variant: dice.below(1000),
    };
    image.mend();
    return made;
  }

  /** Which base: the heavier, the more often. */
  private draw(dice: Dice): number {
    let left = dice.next() * this.bases.reduce((sum, { weight }) => sum + weight, 0);
    for (const [i, { weight }] of this.bases.entries()) {
      left -= weight;
      if (left < 0) return i;
    }
    return 0;
  }
}
