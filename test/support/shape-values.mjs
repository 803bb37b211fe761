/** Values of which each names its key, for programs that share a store with shared structures. */

export const shapedValue = (key) => ({
  [`p${key}`]: key,
  q: { [`nested${key % 7}`]: [key, { r: 'x' }] },
});
