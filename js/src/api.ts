import { advise } from './advice.js';
import { toDocument } from './document.js';
import { SslPinningConfigError } from './errors.js';
import { subscribe } from './events.js';
import { findNative, requireNative } from './native.js';
import type {
  PinningListener,
  PinningOptions,
  PinningProblem,
  PinningSettings,
  PinningSubscription,
  SslPinningStatus,
} from './types.js';

export {
  isSslPinningError,
  SslPinningConfigError,
  SslPinningError,
  SslPinningUnavailableError,
} from './errors.js';
export { getSslPinningError } from './failures.js';
export type * from './types.js';

/**
 * Whether the native part is there. It is not in Expo Go, on the web and in Jest; everything else then rejects. Says
 * nothing about pins: see {@link getSslPinningStatus}.
 */
export function isSslPinningAvailable(): boolean {
  return findNative() !== null;
}

/**
 * Pins the public keys of servers. Replaces whatever was pinned before, for the very next request: connections that are
 * open are judged anew.
 *
 * Call it before the first request to a pinned host, and wait for it. `{}` is valid and pins nothing.
 *
 * @param options Pins by host name; or the content of an `ssl-pinning.json`, `{domains, settings}`.
 * @param settings What belongs to no domain.
 * @throws SslPinningConfigError (rejection) with every problem of the options; what was in force stays.
 * @throws SslPinningUnavailableError (rejection) where {@link isSslPinningAvailable} is false.
 */
export async function initializeSslPinning(
  options: PinningOptions,
  settings?: PinningSettings,
): Promise<void> {
  const native = requireNative();
  const answer: Initialized = JSON.parse(await native.initialize(toDocument(options, settings)));
  if (!answer.ok) throw new SslPinningConfigError(answer.problems);
  advise(answer.warnings);
}

type Initialized = { ok: true; warnings: PinningProblem[] } | { ok: false; problems: PinningProblem[] };

/**
 * Pins nothing any more.
 *
 * @throws SslPinningUnavailableError (rejection) where {@link isSslPinningAvailable} is false.
 */
export async function disableSslPinning(): Promise<void> {
  await requireNative().disable();
}

/**
 * What is pinned now, how many connections were checked, and what happened last.
 *
 * @throws SslPinningUnavailableError (rejection) where {@link isSslPinningAvailable} is false.
 */
export async function getSslPinningStatus(): Promise<SslPinningStatus> {
  return JSON.parse(await requireNative().getStatus());
}

/**
 * Tells about connections that failed their pins, and warns of pins that will expire. The first listener is told what
 * happened before it came too, at most the last 32 events.
 *
 * Does nothing where {@link isSslPinningAvailable} is false.
 */
export function addSslPinningErrorListener(listener: PinningListener): PinningSubscription {
  const native = findNative();
  return native === null ? { remove() {} } : subscribe(native, listener);
}
