import { inWords } from './errors.js';
import type { NativePinning } from './native.js';
import type { PinningProblem, SslPinningStatus } from './types.js';

/** By the name that both platforms give its stack. */
const EXPO_FETCH = 'expo-fetch';
const EXPO_FETCH_UNCHECKED: PinningProblem = {
  severity: 'warning',
  path: '',
  code: 'expo-fetch-unchecked',
  message: "Expo's fetch is in this app, and this version of it does not let its requests be checked",
  suggestion: 'upgrade Expo, or keep to XMLHttpRequest and clients over it for pinned hosts',
};

let print: ((text: string) => void) | null = null;
let hasExpoFetch = () => false;
const given = new Set<string>();

/** Has what a developer should know of a configuration printed. Called by the entries for development builds of apps. */
export function provideConsole(warn: (text: string) => void, withExpoFetch: () => boolean): void {
  print = warn;
  hasExpoFetch = withExpoFetch;
}

/** Prints each warning once, however often the app initialises. */
export function advise(warnings: readonly PinningProblem[]): void {
  if (print === null) return;
  const news = warnings.map(inWords).filter((warning) => !given.has(warning));
  if (news.length === 0) return;
  for (const warning of news) given.add(warning);
  print(['The SSL pinning configuration is in force, but before you ship it:', ...news].join('\n'));
}

/** Of a network stack of the app that the pins in force are not asked about. */
export async function adviseOnStacks(native: NativePinning): Promise<void> {
  if (print === null || !hasExpoFetch()) return;
  const { active, stacks }: SslPinningStatus = JSON.parse(await native.getStatus());
  const isChecked = stacks.some(({ stack, hooked }) => stack === EXPO_FETCH && hooked);
  if (active && !isChecked) advise([EXPO_FETCH_UNCHECKED]);
}
