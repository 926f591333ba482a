/**
 * Code written for react-native-ssl-public-key-pinning compiles against this package. Nothing here runs: the compiler is
 * the test, over the types that the other package publishes.
 */
import type { EmitterSubscription } from 'react-native';
import type * as frw from 'react-native-ssl-public-key-pinning';
import * as mock from '../../jest/index.js';
import * as web from '../../src/browser.js';
import * as ours from '../../src/index.js';

/** The other package as it is imported; `default` is only how TypeScript sees CommonJS from an ES module. */
type Frw = Omit<typeof frw, 'default'>;

// Whatever takes the other package's module takes ours.
export const dropIn: Frw = ours;

// Every type is there under its name, and one may stand for the other in both directions.
type Same<A, B> = [A, B] extends [B, A] ? true : never;
export const both: {
  readonly callback: Same<ours.ErrorListenerCallback, frw.ErrorListenerCallback>;
  readonly error: Same<Required<ours.PinningError>, Required<frw.PinningError>>;
} = { callback: true, error: true };
export const toOurs: ours.PinningOptions = {} as frw.PinningOptions;
export const toTheirs: frw.PinningOptions = {} as ours.PinningOptions;
export const domainToOurs: ours.DomainOptions = {} as frw.DomainOptions;
export const domainToTheirs: frw.DomainOptions = {} as ours.DomainOptions;

/** What apps do with the four functions, against either package. */
export async function asAppsCallIt(pinning: Frw): Promise<void> {
  const options: frw.PinningOptions = {
    'google.com': { includeSubdomains: true, publicKeyHashes: ['a', 'b'], expirationDate: '2027-01-31' },
  };
  options['example.com'] = { publicKeyHashes: [] };
  if (pinning.isSslPinningAvailable()) {
    const done: boolean = await pinning.initializeSslPinning(options).then(() => true);
    await (done ? pinning.disableSslPinning() : undefined);
  }
  const listener = (error: frw.PinningError): string => `${error.serverHostname} ${error.message ?? ''}`;
  const subscription: EmitterSubscription = pinning.addSslPinningErrorListener(listener);
  subscription.remove();
}
export const called: Promise<void> = asAppsCallIt(ours);

/** What apps do with the types: options that are put together piece by piece, as the other package lets them. */
export function asAppsFillThem(options: ours.PinningOptions, domain: ours.DomainOptions): void {
  options['example.com'] = domain;
  domain.includeSubdomains = true;
  domain.expirationDate = '2027-01-31';
  domain.publicKeyHashes = [];
  domain.publicKeyHashes.push('a pin from elsewhere');
  delete options['example.com'];
}

// A test of an app makes events of its own.
export const made: ours.PinningError = { serverHostname: 'example.com' };

// What only this package has.
export const listened = ours.addSslPinningErrorListener(({ reason, enforced }) => [reason, enforced]);
export const settings: Promise<void> = ours.initializeSslPinning({}, { requireBackupPin: true });

export const refused: Promise<ours.PinningEvent | null> = ours.getSslPinningError(
  'https://example.com/',
  Date.now(),
);
export const told: boolean = ours.isSslPinningError(new Error('anything that was caught'));
export const hook: (listener: frw.ErrorListenerCallback) => void = ours.useSslPinningErrorListener;

// An app that runs in browsers too, and its tests, find there what they import for phones.
type Listen = 'addSslPinningErrorListener' | 'addSslPinningEventListener';
type Everywhere = Omit<typeof ours, Listen> & {
  [name in Listen]: (listener: ours.PinningListener) => ours.PinningSubscription;
};
export const onTheWeb: Everywhere = web;
export const inJest: Everywhere = mock;
export const failure: ours.PinningEvent = mock.emitSslPinningError({ serverHostname: 'example.com' });
export const configuration: mock.Configuration | null = mock.getSslPinningConfiguration();

// @ts-expect-error an event is about a host
mock.emitSslPinningError({ reason: 'no-pin-matched' });

// @ts-expect-error a typing mistake in an option is found by the compiler already
export const mistake: ours.DomainOptions = { publicKeyHashes: [], includeSubdomain: true };
