/** Pieces of the Markdown that docs/benchmarks.md is made of. */

/** A chart that is there, by its file's name. */
export function chart(file: string, title: string, charts: ReadonlySet<string>): string[] {
  return charts.has(file) ? [`![${title}](charts/${file})`] : [];
}

/** Lines as they are. */
export function block(text: string): string {
  return `\`\`\`text\n${text}\n\`\`\``;
}

/** Stands before figures that are not to be quoted; nothing where there is no reason. */
export function trialNote(reasons: readonly string[]): string[] {
  if (reasons.length === 0) return [];
  return [`**A trial, not to be quoted:** ${reasons.join('; ')}.`];
}
