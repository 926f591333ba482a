import type { AndroidRule } from './platform-rules.js';

/** An element as Expo's XML reader gives it: attributes under `$`, text under `_`, children by their names. */
export interface Element {
  $?: Record<string, string>;
  _?: string;
  [child: string]: unknown;
}

/** Android's file, `res/xml/….xml`. */
export interface NetworkSecurityConfig {
  'network-security-config'?: Element | string;
  [root: string]: unknown;
}

/** Marks what is the plugin's own. Build tools drop attributes of this name space, and Android knows none of it. */
const MARK = 'tools:source';
const OWNER = 'react-native-spki-pinning';
const TOOLS = 'http://schemas.android.com/tools';

/** The file with the plugin's entries replaced by those of `rules`; everything else stays. */
export function withRules(file: NetworkSecurityConfig, rules: readonly AndroidRule[]): NetworkSecurityConfig {
  const given = file['network-security-config'];
  const root: Element = typeof given === 'object' ? { ...given } : {};
  const others = children(root, 'domain-config').filter(({ $ }) => $?.[MARK] !== OWNER);
  const taken = new Set(others.flatMap(domainsIn));
  const twice = rules.find(({ domain }) => taken.has(domain));
  if (twice !== undefined) {
    throw new Error(
      `the network security configuration of the app has an entry for ${twice.domain} already, and Android starts no app ` +
        'with two: remove that entry, or switch nativeLayer off',
    );
  }
  const all = [...others, ...rules.map(domainConfig)];
  delete root['domain-config'];
  if (all.length > 0) root['domain-config'] = all;
  if (rules.length > 0) root.$ = { ...root.$, 'xmlns:tools': TOOLS };
  return { ...file, 'network-security-config': root };
}

function domainConfig({ domain, includeSubdomains, pins, expirationDate }: AndroidRule): Element {
  const pinSet: Element = {
    ...(expirationDate === null ? {} : { $: { expiration: expirationDate } }),
    pin: pins.map((pin) => ({ $: { digest: 'SHA-256' }, _: pin })),
  };
  return {
    $: { [MARK]: OWNER },
    domain: [{ $: { includeSubdomains: String(includeSubdomains) }, _: domain }],
    ...(pins.length === 0 ? {} : { 'pin-set': [pinSet] }),
  };
}

/** The domains that an entry and those within it are for. */
function domainsIn(config: Element): string[] {
  const own = children(config, 'domain').map((domain) =>
    typeof domain === 'string' ? domain : (domain._ ?? ''),
  );
  return [
    ...own.map((domain) => domain.trim().toLowerCase()),
    ...children(config, 'domain-config').flatMap(domainsIn),
  ];
}

function children(element: Element, name: string): Element[] {
  const found = element[name];
  return Array.isArray(found) ? found : [];
}
