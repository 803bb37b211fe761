/** Every measurement, in the order in which they run, and what their child processes do. */

import { compact, compactParts, trim } from './compact.ts';
import { fill, fillParts } from './fill.ts';
import { longReaderParts, longreader, tenreaders } from './long-reader.ts';
import type { Measurement, Part } from './measurement.ts';
import { onekey, onekeyParts } from './onekey.ts';
import { runs, runsParts } from './runs.ts';
import { shrink, shrinkParts } from './shrink.ts';

export const measurements: readonly Measurement[] = [
  longreader,
  tenreaders,
  runs,
  onekey,
  fill,
  shrink,
  compact,
  trim,
];

/** Input and output are of each part's own kind; they pass through JSON. */
export const parts: readonly Part<unknown, unknown>[] = [
  ...longReaderParts,
  ...runsParts,
  ...onekeyParts,
  ...fillParts,
  ...shrinkParts,
  ...compactParts,
];

export function measurementNamed(name: string): Measurement {
  const found = measurements.find((measurement) => measurement.name === name);
  if (found === undefined) {
    const names = measurements.map((measurement) => measurement.name).join(', ');
    throw new RangeError(`There is no measurement "${name}". There are: ${names}.`);
  }
  return found;
}
