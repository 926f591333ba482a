import { isIPv6 } from 'node:net';
import type { PinningProblem } from '../src/types.js';
import { normalizeHost } from './addon.js';
import { CliError } from './errors.js';

/** A server to talk to. */
export interface Target {
  /** In normal form: as a domain key. */
  readonly host: string;
  readonly port: number;
}

/** Reads `HOST[:PORT]`; the port of HTTPS if there is none. */
export function parseTarget(text: string): Target {
  if (text.includes('/')) throw notAHost(text);
  const { host, port } = split(text);
  const normalized = normalizeHost(host);
  if (normalized.ok) return { host: normalized.host, port: port ?? 443 };
  throw badHost(normalized.problem);
}

/** Suggestions for who asks about one host, where those for a configuration do not fit. */
const FOR_ONE_HOST: Readonly<Record<string, string>> = {
  'domain-is-wildcard': 'name one host that the wildcard stands for',
  'domain-has-whitespace': 'name one host, without white space',
};

/** What is wrong with a host that is asked about. */
export function badHost({ code, message, suggestion }: PinningProblem): CliError {
  return new CliError('bad-host', message, FOR_ONE_HOST[code] ?? suggestion);
}

/** Checks `ADDR[:PORT]`, an address or name to connect to. */
export function checkAddress(text: string): string {
  const { host } = split(text);
  if (host === '' || /[\s/]/.test(host)) {
    throw new CliError('bad-address', `"${text}" is not an address`, 'use `--connect 192.0.2.1:8443`');
  }
  return text;
}

/** An IPv6 address has colons of its own, in brackets or alone. */
function split(text: string): { host: string; port: number | null } {
  if (isIPv6(text)) return { host: text, port: null };
  const [, host = text, digits] = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/s.exec(text) ?? [];
  return { host, port: digits === undefined ? null : parsePort(digits) };
}

function parsePort(digits: string): number {
  const port = /^\d{1,5}$/.test(digits) ? Number(digits) : 0;
  if (port >= 1 && port <= 65535) return port;
  throw new CliError('bad-port', `"${digits}" is not a port`, 'use a number from 1 to 65535');
}

function notAHost(text: string): CliError {
  const message = `"${text}" is a URL or a path, but a host is asked for`;
  const authority =
    /^(?:[a-z][a-z0-9+.-]*:)?\/\/(?:[^/@]*@)?([^/?#]+)/i.exec(text)?.[1] ?? text.split('/')[0];
  return new CliError(
    'bad-host',
    message,
    authority ? `use \`hash ${authority}\`` : 'name a host, as `example.com`',
  );
}
