/** Whether an entry has expired. One that has is there, for counts, and found by no other read. */

import type { EntryView } from '../btree/entry.ts';

/** `now`: ms since 1970. */
export function isExpired(entry: EntryView, now: number): boolean {
  const { expiry } = entry;
  return expiry !== 0 && expiry <= now;
}
