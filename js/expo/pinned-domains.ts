import type { IosRule } from './platform-rules.js';

/** The content of an Info.plist. */
export type InfoPlist = Record<string, unknown>;

/** Names the entries of NSPinnedDomains that are the plugin's own, so that the next prebuild can take them back. */
const OWN_DOMAINS = 'SpkiPinningNativeLayer';

/** The Info.plist with the plugin's entries of NSPinnedDomains replaced by those of `rules`; everything else stays. */
export function withPinnedDomains(plist: InfoPlist, rules: readonly IosRule[]): InfoPlist {
  const { NSAppTransportSecurity: security, [OWN_DOMAINS]: own, ...others } = plist;
  if (own === undefined && rules.length === 0) return plist;
  const { NSPinnedDomains: pinned, ...settings } = record(security);
  const foreign = Object.entries(record(pinned)).filter(([domain]) => !strings(own).includes(domain));
  const twice = rules.find(({ domain }) => foreign.some(([key]) => key.toLowerCase() === domain));
  if (twice !== undefined) {
    throw new Error(
      `the Info.plist of the app pins ${twice.domain} in NSPinnedDomains already: remove that, or switch nativeLayer off`,
    );
  }
  const domains = Object.fromEntries([
    ...foreign,
    ...rules.map((rule) => [rule.domain, entry(rule)] as const),
  ]);
  const isPinning = Object.keys(domains).length > 0;
  const transport = isPinning ? { ...settings, NSPinnedDomains: domains } : settings;
  return {
    ...others,
    ...(security === undefined && !isPinning ? {} : { NSAppTransportSecurity: transport }),
    ...(rules.length === 0 ? {} : { [OWN_DOMAINS]: rules.map(({ domain }) => domain) }),
  };
}

function entry({ includeSubdomains, kind, pins }: IosRule) {
  const identities = pins.map((pin) => ({ 'SPKI-SHA256-BASE64': pin }));
  const key = kind === 'ca' ? 'NSPinnedCAIdentities' : 'NSPinnedLeafIdentities';
  return { NSIncludesSubdomains: includeSubdomains, [key]: identities };
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
