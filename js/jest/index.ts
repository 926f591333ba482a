/**
 * The mock for Jest: `jest.mock('react-native-spki-pinning', () => require('react-native-spki-pinning/jest'))`, or all in
 * one, `react-native-spki-pinning/jest/setup`. It is the API itself over a native part that tests drive. A configuration is
 * judged by the real engine, so one that the app would refuse on a device is refused in its tests; nothing is pinned.
 */
import { loadAddon } from '../node/addon.js';
import * as api from '../src/api.js';
import { provideNative } from '../src/native.js';
import * as react from '../src/react.js';
import type { PinningError, PinningEvent } from '../src/types.js';
import { AcceptingEngine } from './accepting-engine.js';
import { type Configuration, readConfiguration } from './configuration.js';
import { MockNative } from './mock-native.js';

export {
  SslPinningConfigError,
  SslPinningError,
  SslPinningUnavailableError,
  SslPinningUpdateError,
} from '../src/errors.js';
export type * from '../src/types.js';
export type { Configuration } from './configuration.js';

// Not `export … from`, which compiles to getters: `jest.spyOn` could not replace them.
export const addSslPinningErrorListener = api.addSslPinningErrorListener;
export const addSslPinningEventListener = api.addSslPinningEventListener;
export const disableSslPinning = api.disableSslPinning;
export const getSslPinningError = api.getSslPinningError;
export const getSslPinningStatus = api.getSslPinningStatus;
export const initializeSslPinning = api.initializeSslPinning;
export const isSslPinningAvailable = api.isSslPinningAvailable;
export const isSslPinningError = api.isSslPinningError;
export const updateSslPinning = api.updateSslPinning;
export const verifySslPinning = api.verifySslPinning;
export const useSslPinningErrorListener = react.useSslPinningErrorListener;

const native = new MockNative(() => {
  const loaded = loadAddon();
  return loaded.ok
    ? new loaded.addon.NativeEngine()
    : new AcceptingEngine(() => warnOnce(loaded.error.message));
});
setSslPinningAvailable(true);

let isWarned = false;

function warnOnce(reason: string): void {
  if (isWarned) return;
  isWarned = true;
  console.warn(`react-native-spki-pinning/jest takes every configuration, right or wrong: ${reason}`);
}

/** What the app has pinned, or null: before `initializeSslPinning`, and after `disableSslPinning`. */
export function getSslPinningConfiguration(): Configuration | null {
  return native.document === null ? null : readConfiguration(native.document);
}

/**
 * Tells listeners that a connection has failed its pins, or whatever the event given says; `getSslPinningError` finds it
 * too. Where React re-renders because of it, call it inside `act`.
 *
 * @returns The whole event.
 */
export function emitSslPinningError(event: PinningError & Partial<PinningEvent>): PinningEvent {
  const whole: PinningEvent = {
    kind: 'failure',
    message: `Certificate pinning failure! No certificate of ${event.serverHostname} has a pinned key.`,
    reason: 'no-pin-matched',
    enforced: true,
    servedPins: [],
    expectedPins: [],
    stack: 'fetch',
    timestamp: Date.now(),
    ...event,
  };
  native.emit(whole);
  return whole;
}

/** Has `isSslPinningAvailable` answer as in an app with the native part, or as in Expo Go and on the web. */
export function setSslPinningAvailable(available: boolean): void {
  provideNative(available ? native : null, 'setSslPinningAvailable(false) has taken SSL pinning away');
}

/** Back to the start: available, nothing pinned, no events. For `beforeEach`, where tests of a file must not meet. */
export function resetSslPinningMock(): void {
  native.reset();
  setSslPinningAvailable(true);
}
