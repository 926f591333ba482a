import { inWords } from './errors.js';
import type { PinningProblem } from './types.js';

let print: ((text: string) => void) | null = null;
const given = new Set<string>();

/** Has what a developer should know of a configuration printed. Called by the entries for development builds of apps. */
export function provideConsole(warn: (text: string) => void): void {
  print = warn;
}

/** Prints each warning once, however often the app initialises. */
export function advise(warnings: readonly PinningProblem[]): void {
  if (print === null) return;
  const news = warnings.map(inWords).filter((warning) => !given.has(warning));
  if (news.length === 0) return;
  for (const warning of news) given.add(warning);
  print(['The SSL pinning configuration is in force, but before you ship it:', ...news].join('\n'));
}
