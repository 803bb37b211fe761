/** Every bit of the meta slots, and each of their fields at its bounds: all of it, not a sample. */

import { META_SLOT_BYTES, META_SLOT_OFFSETS } from '../../src/format/geometry.ts';
import type { Base } from './hostile-bases.ts';
import type { Case, Verify } from './hostile-cases.ts';
import { Image } from './hostile-image.ts';
import { sealMeta } from './hostile-seal.ts';

const VERIFY: readonly Verify[] = ['first-read', 'always', 'structure'];
const BITS = 8 * META_SLOT_BYTES;
/** Past them the slots have zeros only. */
const FIELDS_END = 152;
const BOUNDS: readonly number[] = [0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 2, 2 ** 32 - 1];
/** How a sealed change is opened. */
const WAYS = 2;

/** The cases of one base. */
export class MetaCases {
  readonly count: number;
  private readonly base: number;
  private readonly image: Image;
  /** Where the kinds of cases begin. */
  private readonly sealedBits: number;
  private readonly fields: number;

  constructor(bases: readonly Base[], base: number) {
    const { bytes, content } = bases[base]!;
    this.base = base;
    this.image = new Image(bytes, content);
    this.sealedBits = 3 * BITS;
    this.fields = this.sealedBits + WAYS * 3 * 8 * FIELDS_END;
    this.count = this.fields + WAYS * 3 * (FIELDS_END / 4) * BOUNDS.length;
  }

  make(id: number): Case {
    const { image } = this;
    const { slot, sealed } = this.damage(id);
    if (sealed) sealMeta(image, slot);
    const use = id % 2 === 0 ? 'immutable' : 'write';
    const made: Case = {
      id,
      base: this.base,
      patches: image.patches(),
      lengthBytes: image.lengthBytes,
      verify: VERIFY[id % 3]!,
      use,
      recover: use === 'write' && id % 16 === 1,
      exact: !sealed && id % 3 < 2,
      variant: id % 997,
    };
    image.mend();
    return made;
  }

  private damage(id: number): { slot: number; sealed: boolean } {
    const { image } = this;
    const view = new DataView(image.bytes.buffer);
    if (id < this.fields) {
      const sealed = id >= this.sealedBits;
      const bits = sealed ? 8 * FIELDS_END : BITS;
      const bit = sealed ? Math.floor((id - this.sealedBits) / WAYS) : id;
      const slot = Math.floor(bit / bits);
      const at = META_SLOT_OFFSETS[slot]! + ((bit % bits) >> 3);
      image.write(at, Uint8Array.of(image.bytes[at]! ^ (1 << (bit & 7))));
      return { slot, sealed };
    }
    const field = Math.floor((id - this.fields) / WAYS);
    const slot = field % 3;
    const at = META_SLOT_OFFSETS[slot]! + 4 * (Math.floor(field / 3) % (FIELDS_END / 4));
    image.touch(at, 4);
    view.setUint32(at, BOUNDS[Math.floor(field / (3 * (FIELDS_END / 4)))]!, true);
    return { slot, sealed: true };
  }
}
