/** The value of a key: a shape of its own, and nested ones that others have too. */
export function shapedValue(key: number): object;
