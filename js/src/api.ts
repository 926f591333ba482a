import { advise, adviseOnStacks } from './advice.js';
import { toDocument } from './document.js';
import { SslPinningConfigError, SslPinningUpdateError } from './errors.js';
import { subscribe } from './events.js';
import { findNative, requireNative } from './native.js';
import type {
  PinningListener,
  PinningOptions,
  PinningProblem,
  PinningSettings,
  PinningSubscription,
  SslPinningStatus,
  SslPinningUpdate,
  SslPinningVerification,
  VerificationOptions,
} from './types.js';
import { verify } from './verification.js';

export {
  isSslPinningError,
  SslPinningConfigError,
  SslPinningError,
  SslPinningUnavailableError,
  SslPinningUpdateError,
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
 * Call it before the first request to a pinned host, and wait for it. `{}` is valid and pins nothing. Hosts whose pins were
 * enforced and no longer are, by whatever configuration, are named in one event, `pins-dropped`.
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
  await adviseOnStacks(native).catch(() => {}); // the pins are in force all the same
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
  return native === null ? { remove() {} } : subscribe(native, listener, false);
}

/**
 * As {@link addSslPinningErrorListener}, and also tells what nobody has to act on: that signed pins were applied, say.
 *
 * Does nothing where {@link isSslPinningAvailable} is false.
 */
export function addSslPinningEventListener(listener: PinningListener): PinningSubscription {
  const native = findNative();
  return native === null ? { remove() {} } : subscribe(native, listener, true);
}

/**
 * Looks for newer signed pins now, and says what came of it. Apps need not call it: they look by themselves, also when a pin
 * fails (`settings.updates`).
 *
 * @throws SslPinningUpdateError (rejection) when there are none to be had, or they were refused; what was in force stays.
 * @throws SslPinningUnavailableError (rejection) where {@link isSslPinningAvailable} is false.
 */
export async function updateSslPinning(): Promise<SslPinningUpdate> {
  const answer: Updated = JSON.parse(await requireNative().update());
  if (!answer.ok) throw new SslPinningUpdateError(answer.error);
  const { outcome, version } = answer;
  return { outcome, version };
}

type Updated = ({ ok: true } & SslPinningUpdate) | { ok: false; error: { code: string; message: string } };

/**
 * Finds out whether pinning works for a host, in this app, on this device: makes a handshake of its own, then sends one
 * request through each network stack and sees whether the pins were asked. Names a stack that goes by them.
 *
 * For a debug screen or a test on a device; requests really are sent.
 *
 * @param host A host name, as in a URL.
 * @throws SslPinningUnavailableError (rejection) where {@link isSslPinningAvailable} is false.
 */
export async function verifySslPinning(
  host: string,
  options: VerificationOptions = {},
): Promise<SslPinningVerification> {
  return verify(host, options);
}
