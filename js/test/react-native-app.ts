/**
 * A React Native app, as far as `js/src/index.ts` sees one, run by react-native.test.ts in a process of its own. The
 * scenario comes as JSON in TEST_APP, what was printed and refused goes to standard output as JSON.
 */
import { register } from 'node:module';
import { loadAddon } from '../node/addon.js';
import { NodePinning } from '../node/pinning.js';
import type { PinningOptions } from '../src/types.js';

export type Scenario = {
  readonly os: string;
  readonly native: 'engine' | 'absent' | 'without-events';
  readonly dev: boolean;
  /** What React Native or Expo put into the global object. */
  readonly surroundings?: object;
  /** Network stacks that the platform says are checked. */
  readonly stacks?: readonly string[];
  /** What the app initialises with, one after the other. */
  readonly configurations: readonly PinningOptions[];
};

export type Outcome = {
  readonly available: boolean;
  readonly printed: readonly string[];
  readonly rejections: readonly string[];
  /** What is pinned in the end. */
  readonly domains: readonly unknown[];
};

/** Resolves `react-native` to what the entry needs of it. */
const HOOKS = `export function resolve(specifier, context, next) {
  if (specifier !== 'react-native') return next(specifier, context);
  const source = 'export const { Image, Platform, TurboModuleRegistry } = globalThis.reactNative';
  return { url: 'data:text/javascript,' + encodeURIComponent(source), format: 'module', shortCircuit: true };
}`;

function makeNative({ native, stacks }: Scenario): object | null {
  const loaded = loadAddon();
  if (native === 'absent' || !loaded.ok) return null;
  const { initialize } = NodePinning.prototype;
  if (native === 'without-events') return { initialize };
  const pinning = new NodePinning(loaded.addon, { app: { platform: 'test' } });
  const { getStatus } = pinning;
  pinning.getStatus = async () => {
    const told = stacks?.map((stack) => ({ stack, hooked: true }));
    return JSON.stringify({ ...JSON.parse(await getStatus.call(pinning)), ...(told && { stacks: told }) });
  };
  return pinning;
}

const scenario: Scenario = JSON.parse(process.env.TEST_APP ?? '');
const printed: string[] = [];
const reactNative = {
  Image: {},
  Platform: { OS: scenario.os },
  TurboModuleRegistry: { get: () => makeNative(scenario) },
};
Object.assign(globalThis, { __DEV__: scenario.dev, reactNative, ...scenario.surroundings });
console.warn = (text: string) => printed.push(text);
register(`data:text/javascript,${encodeURIComponent(HOOKS)}`);

const { getSslPinningStatus, initializeSslPinning, isSslPinningAvailable } = await import('../src/index.js');
const rejections: string[] = [];
for (const configuration of scenario.configurations)
  await initializeSslPinning(configuration).catch(({ message }: Error) => rejections.push(message));
const available = isSslPinningAvailable();
const { domains } = available ? await getSslPinningStatus() : { domains: [] };
const outcome: Outcome = { available, printed, rejections, domains };
console.log(JSON.stringify(outcome));
