/** The entry for React Native. */
import { type EmitterSubscription, Platform } from 'react-native';
import { provideConsole } from './advice.js';
import { addSslPinningErrorListener as addListener } from './api.js';
import { helpFor, type Surroundings } from './help.js';
import NativeSpkiPinning from './NativeSpkiPinning.js';
import { provideNative } from './native.js';
import type { PinningListener } from './types.js';

export * from './api.js';
export { useSslPinningErrorListener } from './react.js';

// The old architecture hands out a module that cannot tell events.
const isUsable = typeof NativeSpkiPinning?.onEvent === 'function';
provideNative(isUsable ? NativeSpkiPinning : null, helpFor(Platform.OS, globalThis as Surroundings));

// biome-ignore lint/suspicious/noConsole: where a developer looks; a release build prints nothing
if (__DEV__) provideConsole((text) => console.warn(text));

/** As in `api.ts`, with the type that React Native's own emitters return. */
export function addSslPinningErrorListener(listener: PinningListener): EmitterSubscription {
  return addListener(listener) as EmitterSubscription;
}
