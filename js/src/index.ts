/** The entry for React Native. */
import { type EmitterSubscription, Platform } from 'react-native';
import { provideConsole } from './advice.js';
import {
  addSslPinningErrorListener as addErrorListener,
  addSslPinningEventListener as addEventListener,
} from './api.js';
import { helpFor, type Surroundings } from './help.js';
import NativeSpkiPinning from './NativeSpkiPinning.js';
import { provideNative } from './native.js';
import { reactNativeStacks } from './stacks.js';
import type { PinningListener } from './types.js';
import { provideStacks } from './verification.js';

export * from './api.js';
export { useSslPinningErrorListener } from './react.js';

// The old architecture hands out a module that cannot tell events.
const isUsable = typeof NativeSpkiPinning?.onEvent === 'function';
provideNative(isUsable ? NativeSpkiPinning : null, helpFor(Platform.OS, globalThis as Surroundings));

provideStacks(reactNativeStacks);

// biome-ignore lint/suspicious/noConsole: where a developer looks; a release build prints nothing
const warn = (text: string) => console.warn(text);
if (__DEV__) provideConsole(warn, () => reactNativeStacks()['expo/fetch'] !== null);

/** As in `api.ts`, with the type that React Native's own emitters return. */
export function addSslPinningErrorListener(listener: PinningListener): EmitterSubscription {
  return addErrorListener(listener) as EmitterSubscription;
}

/** As in `api.ts`, with the type that React Native's own emitters return. */
export function addSslPinningEventListener(listener: PinningListener): EmitterSubscription {
  return addEventListener(listener) as EmitterSubscription;
}
