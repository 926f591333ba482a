import { findNative } from './native.js';
import type { PinningEvent, SslPinningStatus } from './types.js';

/** A request fails as soon as its connection is refused; this is for an app that is slow to look. */
const RECENTLY_MS = 10_000;

/**
 * Whether pinning is why a request has just failed: the last refused connection to the host of its URL, or null.
 *
 * ```
 * const start = Date.now();
 * try {
 *   await fetch(url);
 * } catch (error) {
 *   const refused = await getSslPinningError(url, start);
 *   if (refused === null) throw error;
 *   showUntrustedServer(refused.serverHostname);
 * }
 * ```
 *
 * Works without a listener, and takes nothing away from one. Failures that were only reported (`reportOnly`) are not
 * meant: they let the request through.
 *
 * @param url What was requested; the host of an IDN in A-labels (`xn--…`). A request that was redirected failed at another
 * host, which nobody can know from here: `null` stands for every host.
 * @param since Milliseconds since the Unix epoch, best those of when the request began; ten seconds ago if not given.
 * @returns A promise of null where `isSslPinningAvailable()` is false: nothing is refused there.
 */
export async function getSslPinningError(
  url: string | null,
  since = Date.now() - RECENTLY_MS,
): Promise<PinningEvent | null> {
  const native = findNative();
  if (native === null) return null;
  // Asked of the engine: an event stream tells each event once, to listeners, and only from when there is one.
  const { recentEvents }: SslPinningStatus = JSON.parse(await native.getStatus());
  const host = url === null ? null : hostOf(url);
  const refused = recentEvents.filter(
    ({ kind, enforced, timestamp, serverHostname }) =>
      kind === 'failure' &&
      enforced &&
      timestamp >= since &&
      (host === null || folded(serverHostname) === host),
  );
  return refused.at(-1) ?? null;
}

/** By hand: React Native's `URL` reads a host with user information, or a scheme in upper case, as another one or none. */
function hostOf(url: string): string | undefined {
  const [, host] = /^\s*\w+:\/\/(?:[^/?#\\]*@)?(\[[^\]]*\]|[^:/?#\\]+)/.exec(url) ?? [];
  return host && folded(host);
}

/** Events have the host as the network stack spelled it. */
function folded(host: string): string {
  return host.toLowerCase().replace(/^\[|\]$|\.$/g, '');
}
