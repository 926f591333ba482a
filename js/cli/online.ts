import type { PinnedDomain, PinningProblem } from '../src/types.js';
import { domainsOf, evaluateDocument, type Probe, pointersOf, probe, type Verdict } from './addon.js';
import { DAY_MS, lifetime, SHORT_LIVED_DAYS } from './certificates.js';
import type { ErrorData } from './errors.js';
import { printable, type Style } from './output.js';
import type { ProbeSettings } from './probing.js';

/** Handshakes at one time. */
const AT_ONCE = 8;

/** What became of a domain when its server was asked. */
export interface Asked {
  readonly domain: string;
  /** What the pins say of the chain that the server shows; null if there is no valid chain. */
  readonly verdict: Verdict | null;
  /** The code of what happened instead: `dns`, `refused`, `certificate-expired`, … */
  readonly error: string | null;
}

/** What asking the servers of a configuration came to. */
export interface OnlineReport {
  readonly asked: readonly Asked[];
  readonly problems: readonly PinningProblem[];
}

/** Makes a handshake with the server of each domain and judges the chain that it shows, as an app would. */
export async function askServers(
  document: string,
  settings: ProbeSettings,
  now: number,
): Promise<OnlineReport> {
  const domains = domainsOf(document).filter(({ state }) => state !== 'expired'); // those pins are off
  const pointers = pointersOf(document);
  const answers = new Array<Answer>(domains.length);
  const queue = domains.entries();
  const work = async () => {
    for (const [index, domain] of queue) {
      answers[index] = await ask(document, domain, pointers.get(domain.domain) ?? '', settings, now);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return {
    asked: answers.map(({ domain, verdict, error }) => ({ domain, verdict, error })),
    problems: answers.flatMap(({ problems }) => problems),
  };
}

interface Answer extends Asked {
  readonly problems: readonly PinningProblem[];
}

async function ask(
  document: string,
  domain: PinnedDomain,
  path: string,
  settings: ProbeSettings,
  now: number,
): Promise<Answer> {
  const answer = await probe({ host: domain.domain, port: 443, ...settings });
  if (!answer.ok) {
    const { error } = answer;
    return {
      domain: domain.domain,
      verdict: null,
      error: error.code,
      problems: [unreachable(domain, path, error)],
    };
  }
  const verdict = judge(document, domain, answer, now);
  const problems =
    verdict.reason === 'pin-matched'
      ? rotation(domain, verdict, answer, now)
      : [mismatch(domain, verdict, answer)];
  return {
    domain: domain.domain,
    verdict,
    error: null,
    problems: problems.map((problem) => ({ ...problem, path })),
  };
}

function judge(document: string, { domain }: PinnedDomain, { certificates }: Probe, now: number): Verdict {
  const chain = certificates.map(({ der }) => Buffer.from(der, 'base64'));
  const verdict = evaluateDocument(document, domain, chain, now);
  if ('problems' in verdict) throw new Error('a configuration that was valid no longer is');
  return verdict;
}

type Found = Omit<PinningProblem, 'path'>;

function mismatch({ domain }: PinnedDomain, verdict: Verdict, { certificates }: Probe): Found {
  return {
    severity: verdict.verdict === 'blocked' ? 'error' : 'warning',
    code: `online-${verdict.reason}`,
    message: `the server of ${domain} shows none of the pins`,
    suggestion: `if it is the right server, add the pin of its key, \`${certificates[0]?.pin ?? ''}\``,
  };
}

/** A leaf is replaced weeks before it ends, an authority years before. */
const LEAF_ENDS_SOON_DAYS = 14;
const AUTHORITY_ENDS_SOON_DAYS = 365;

/** What of a server that shows a pin now may keep apps out tomorrow. */
function rotation(
  { domain, pins }: PinnedDomain,
  { matchedPin, servedPins }: Verdict,
  { certificates }: Probe,
  now: number,
): Found[] {
  const found: Found[] = [];
  const warn = (code: string, message: string, suggestion: string) =>
    found.push({ severity: 'warning', code, message, suggestion });
  const [leaf] = certificates;
  const matched = certificates.find(({ pin }) => pin === matchedPin);
  const seen = pins.filter((pin) => servedPins.includes(pin));

  if (pins.length > 1 && !seen.includes(pins[0] ?? '')) {
    const message = `the server of ${domain} shows a backup pin, and no longer the first one: it has moved to its spare key`;
    warn('online-backup-in-use', message, 'make a new spare key, put the pin in use first, and ship both');
  }
  const days = leaf === undefined ? null : lifetime(leaf);
  if (
    matched !== undefined &&
    matched === leaf &&
    seen.length === 1 &&
    days !== null &&
    days <= SHORT_LIVED_DAYS
  ) {
    const message = `only the leaf of ${domain} is pinned, whose certificate is renewed every ${days} days, mostly with a new key`;
    const suggestion = 'have the renewal keep the key, or pin the key of an issuer too';
    warn('online-leaf-short-lived', message, suggestion);
  }
  for (const { role, notAfter, subject, pin } of certificates) {
    if (notAfter === null || (role !== 'leaf' && pin !== matchedPin)) continue;
    const left = Math.floor((Date.parse(notAfter) - now) / DAY_MS);
    if (left > (role === 'leaf' ? LEAF_ENDS_SOON_DAYS : AUTHORITY_ENDS_SOON_DAYS)) continue;
    const message = `the ${role} of ${domain}, ${printable(subject ?? pin)}, ends in ${left} days`;
    if (role === 'leaf') warn('online-leaf-expiring', message, 'renew it, with the same key or a pinned one');
    else warn('online-authority-expiring', message, 'ask the authority what comes next, and pin that too');
  }
  return found;
}

/** Of a domain with `includeSubdomains` there need not be a server itself. */
function unreachable({ includeSubdomains }: PinnedDomain, path: string, error: ErrorData): PinningProblem {
  const isVerdict = error.code.startsWith('certificate-');
  const severity = includeSubdomains && !isVerdict ? 'warning' : 'error';
  return { ...error, severity, path, code: `online-${error.code}` };
}

/** One line for each domain whose server was asked. */
export function describeAsked({ asked }: OnlineReport, style: Style): string[] {
  return asked.flatMap(({ domain, verdict, error }) => {
    if (verdict === null) return [`  ${style.bad('failed'.padEnd(11))}  ${printable(domain)} (${error})`];
    const colour = { allowed: style.good, blocked: style.bad, reportOnly: style.caution }[verdict.verdict];
    const place = verdict.matchedPin === null ? '' : `, ${roleOf(verdict)}`;
    const words = { allowed: 'allowed', blocked: 'blocked', reportOnly: 'report only' }[verdict.verdict];
    return [`  ${colour(words.padEnd(11))}  ${printable(domain)} (${verdict.reason}${place})`];
  });
}

function roleOf({ matchedPin, servedPins }: Verdict): string {
  const place = servedPins.indexOf(matchedPin ?? '');
  if (place === 0) return 'leaf';
  return place === servedPins.length - 1 ? 'root' : 'intermediate';
}
