/** Numbers as a person reads them. */

export const number = (value: number): string => Math.round(value).toLocaleString('en-US');

export const plural = (count: number, one: string, many: string = `${one}s`): string =>
  `${number(count)} ${count === 1 ? one : many}`;

export const percent = (part: number, whole: number): string =>
  `${whole === 0 ? 0 : Math.round((100 * part) / whole)} %`;

export const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

/** With three digits, in the unit that suits. */
export function duration(ms: number): string {
  if (ms >= 1000) return `${digits(ms / 1000)} s`;
  if (ms >= 1) return `${digits(ms)} ms`;
  return `${digits(ms * 1000)} µs`;
}

const digits = (value: number): string =>
  value >= 99.95 ? value.toFixed(0) : value >= 9.995 ? value.toFixed(1) : value.toFixed(2);

/** A picture of part / whole. */
export function bar(part: number, whole: number, columns = 20): string {
  const filled = whole === 0 ? 0 : Math.ceil((columns * part) / whole);
  return `[${'█'.repeat(filled)}${'·'.repeat(columns - filled)}]`;
}

export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

const names = new Intl.DisplayNames('en', { type: 'region', fallback: 'code' });

export const countryName = (code: string): string => names.of(code) ?? code;
