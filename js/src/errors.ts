import type { PinningProblem } from './types.js';

/** `initializeSslPinning` refused a configuration. What was in force before still is. */
export class SslPinningConfigError extends Error {
  override readonly name = 'SslPinningConfigError';
  readonly code = 'E_SSL_PINNING_CONFIG';
  /** Everything that was found, warnings included; at least one is an error. */
  readonly problems: readonly PinningProblem[];

  constructor(problems: readonly PinningProblem[]) {
    const errors = problems.filter(({ severity }) => severity === 'error');
    super(
      ['The SSL pinning configuration is not valid, so nothing was changed.', ...errors.map(inWords)].join(
        '\n',
      ),
    );
    this.problems = problems;
  }
}

/** A line of a list of problems. */
export function inWords({ path, message, suggestion }: PinningProblem): string {
  return `  ${path === '' ? '' : `${path}: `}${message}${suggestion === null ? '' : `: ${suggestion}`}`;
}

/** The native part is not there, so nothing can be pinned. The message says what to do. */
export class SslPinningUnavailableError extends Error {
  override readonly name = 'SslPinningUnavailableError';
  readonly code = 'E_SSL_PINNING_UNAVAILABLE';
}

/** `updateSslPinning` has brought no newer pins. What was in force still is. */
export class SslPinningUpdateError extends Error {
  override readonly name = 'SslPinningUpdateError';
  /** Stable, kebab-case: `update-unreachable`, `updates-not-configured`, `manifest-signature`, … */
  readonly code: string;

  constructor({ code, message }: { readonly code: string; readonly message: string }) {
    super(`No newer pins: ${message}`);
    this.code = code;
  }
}

const REFUSED = 'E_SSL_PINNING';

/** What a connection was refused for. */
export type Refusal = {
  /** The host that failed. */
  readonly serverHostname: string | null;
  /** Stable, kebab-case: `no-pin-matched`, `chain-not-validated`, … */
  readonly reason: string;
  /** The configured domain that governs the host. */
  readonly entry: string | null;
  /** The pins that the server showed, leaf first. */
  readonly servedPins: readonly string[];
};

/** A connection failed its pins; nothing was sent over it. `fetch` in Node has it as the `cause` of its `TypeError`. */
export class SslPinningError extends Error implements Refusal {
  override readonly name = 'SslPinningError';
  readonly code = REFUSED;
  readonly serverHostname: string | null;
  readonly reason: string;
  readonly entry: string | null;
  readonly servedPins: readonly string[];

  constructor({ serverHostname, reason, entry, servedPins }: Refusal) {
    const served = servedPins.length === 0 ? 'no pin' : servedPins.map((pin) => `sha256/${pin}`).join(', ');
    super(
      `SSL pinning refused ${serverHostname ?? 'a connection without a host name'} (${reason}): it showed ${served}`,
    );
    this.serverHostname = serverHostname;
    this.reason = reason;
    this.entry = entry;
    this.servedPins = servedPins;
  }
}

/**
 * Whether an error says that a connection failed its pins: an {@link SslPinningError}, or one that has it as its `cause`,
 * at any depth, as `fetch` in Node and HTTP clients make them.
 *
 * In React Native `fetch` rejects with the same `TypeError: Network request failed` whatever the reason, so this is false;
 * `getSslPinningError` tells there. It is false for `SslPinningConfigError` and `SslPinningUnavailableError` too: they come
 * from functions of this package, and no connection was refused.
 */
export function isSslPinningError(error: unknown): boolean {
  const seen = new Set<unknown>();
  let current = error;
  while (typeof current === 'object' && current !== null && !seen.has(current)) {
    // Not `instanceof`: a program may hold this package twice, as ES modules and as CommonJS.
    if ('code' in current && current.code === REFUSED) return true;
    seen.add(current);
    current = 'cause' in current ? current.cause : null;
  }
  return false;
}
