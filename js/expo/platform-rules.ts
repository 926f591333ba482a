import { isIP } from 'node:net';
import type { PinnedDomain } from '../src/types.js';

/** Pins for one domain as Android's network security configuration has them. */
export interface AndroidRule {
  readonly domain: string;
  readonly includeSubdomains: boolean;
  /** Empty: nothing is pinned here, though a wider domain is. */
  readonly pins: readonly string[];
  /** `yyyy-MM-dd`. */
  readonly expirationDate: string | null;
}

/** Pins for one domain as iOS's App Transport Security has them. */
export interface IosRule {
  readonly domain: string;
  readonly includeSubdomains: boolean;
  /** Whose keys the pins are: iOS asks for a match among the one or the other, and knows no "either". */
  readonly kind: 'leaf' | 'ca';
  readonly pins: readonly string[];
}

/** What the platforms can enforce of a configuration. */
export interface PlatformRules {
  readonly android: readonly AndroidRule[];
  readonly ios: readonly IosRule[];
  /** What they cannot, and is left to the library alone. */
  readonly leftOut: { readonly android: readonly string[]; readonly ios: readonly string[] };
}

/**
 * Translates the domains of a valid configuration. What a platform would enforce otherwise than the library is left out
 * rather than bent: it could not be taken back in an installed app.
 */
export function platformRules(domains: readonly PinnedDomain[], caPins: readonly string[]): PlatformRules {
  const authorities = new Set(caPins.map(plainPin));
  const live = domains.filter(({ state }) => state !== 'expired');
  const unknown = [...authorities].find((pin) => !domains.some(({ pins }) => pins.includes(pin)));
  if (unknown !== undefined) throw new Error(`nativeLayer.caPins has ${unknown}, which no domain pins`);
  const ios = live.map((domain) => ({ domain, rule: iosRule(domain, live, authorities) }));
  return {
    android: live.flatMap((domain) => androidRules(domain)),
    ios: ios.flatMap(({ rule }) => (typeof rule === 'string' ? [] : [rule])),
    leftOut: {
      android: live
        .filter(({ reportOnly }) => reportOnly)
        .map(({ domain }) => `${domain}: it is report-only, which Android does not know`),
      ios: ios.flatMap(({ domain, rule }) => (typeof rule === 'string' ? [`${domain.domain}: ${rule}`] : [])),
    },
  };
}

/** An entry without pins keeps a host out of those of a wider domain: the most specific entry decides on Android too. */
function androidRules(options: PinnedDomain): AndroidRule[] {
  const { domain, includeSubdomains, reportOnly, pins, expirationDate, excludedSubdomains } = options;
  const excluded = excludedSubdomains.map((subdomain) => unpinned(subdomain, true));
  if (reportOnly) return [unpinned(domain, includeSubdomains), ...excluded];
  return [{ domain, includeSubdomains, pins, expirationDate }, ...excluded];
}

function unpinned(domain: string, includeSubdomains: boolean): AndroidRule {
  return { domain, includeSubdomains, pins: [], expirationDate: null };
}

/**
 * The rule, or why there cannot be one. iOS adds the pins of a host and of its parent domain up (`parseNSPinnedDomains` in
 * Apple's Security), so that a narrower entry cannot say anything else than a wider one.
 */
function iosRule(
  options: PinnedDomain,
  all: readonly PinnedDomain[],
  authorities: ReadonlySet<string>,
): IosRule | string {
  const { domain, includeSubdomains, pins, excludedSubdomains } = options;
  if (isIP(domain) !== 0 || !domain.includes('.')) return 'it is no domain name, which iOS asks for';
  if (options.reportOnly) return 'it is report-only, which iOS does not know';
  if (options.expirationDate !== null) return 'its pins expire, and those of iOS do not';
  if (excludedSubdomains.length > 0) return 'iOS cannot exclude subdomains';
  const related = all.find(
    (other) => other !== options && (isBelow(other, options) || isBelow(options, other)),
  );
  if (related !== undefined) return `iOS would mix its pins with those of ${related.domain}`;
  const ofAuthorities = pins.filter((pin) => authorities.has(pin)).length;
  if (ofAuthorities === 0) return { domain, includeSubdomains, kind: 'leaf', pins };
  if (ofAuthorities === pins.length) return { domain, includeSubdomains, kind: 'ca', pins };
  return 'some of its pins are of authorities and some are not; iOS would ask for a match among each';
}

function isBelow(narrow: PinnedDomain, wide: PinnedDomain): boolean {
  return wide.includeSubdomains && narrow.domain.endsWith(`.${wide.domain}`);
}

/** As the core writes a pin: without `sha256/`, with padding. */
function plainPin(pin: string): string {
  return `${pin.replace(/^sha256\//, '').replace(/=+$/, '')}=`;
}
