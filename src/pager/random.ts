/**
 * Random bytes, and names made of them. By the global `crypto`, which is loaded when it is first
 * used: node:crypto is some twenty modules of Node, and opening a file that exists needs none.
 */

export function randomBytes(count: number): Buffer {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(count)).buffer);
}

/** A path beside `path` that nobody else thinks of; `what` says to a person what lies there. */
export function temporaryPath(path: string, what: string): string {
  return `${path}-${what}-${process.pid}-${randomBytes(6).toString('hex')}`;
}
