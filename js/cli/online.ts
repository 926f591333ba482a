import type { PinnedDomain, PinningProblem } from '../src/types.js';
import { domainsOf, evaluateDocument, normalizeHost, type Probe, probe, type Verdict } from './addon.js';
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
export async function askServers(document: string, settings: ProbeSettings): Promise<OnlineReport> {
  const domains = domainsOf(document).filter(({ state }) => state !== 'expired'); // those pins are off
  const pointers = pointersOf(document);
  const answers = new Array<Answer>(domains.length);
  const queue = domains.entries();
  const work = async () => {
    for (const [index, domain] of queue) {
      answers[index] = await ask(document, domain, pointers.get(domain.domain) ?? '', settings);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return {
    asked: answers.map(({ domain, verdict, error }) => ({ domain, verdict, error })),
    problems: answers.flatMap(({ problem }) => problem ?? []),
  };
}

interface Answer extends Asked {
  readonly problem: PinningProblem | null;
}

async function ask(
  document: string,
  domain: PinnedDomain,
  path: string,
  settings: ProbeSettings,
): Promise<Answer> {
  const answer = await probe({ host: domain.domain, port: 443, ...settings });
  if (!answer.ok) {
    const { error } = answer;
    return {
      domain: domain.domain,
      verdict: null,
      error: error.code,
      problem: unreachable(domain, path, error),
    };
  }
  const verdict = judge(document, domain, answer);
  return { domain: domain.domain, verdict, error: null, problem: mismatch(domain, path, verdict, answer) };
}

/** Where each domain stands in the document, by its normal form: a JSON Pointer (RFC 6901). */
function pointersOf(document: string): ReadonlyMap<string, string> {
  const parsed = JSON.parse(document);
  const [start, domains] = 'domains' in parsed ? ['/domains/', parsed.domains] : ['/', parsed];
  const pointers = new Map<string, string>();
  for (const key of Object.keys(domains)) {
    const normalized = normalizeHost(key);
    // A domain key that is valid has nothing to escape.
    if (normalized.ok) pointers.set(normalized.host, start + key);
  }
  return pointers;
}

function judge(document: string, { domain }: PinnedDomain, { certificates }: Probe): Verdict {
  const chain = certificates.map(({ der }) => Buffer.from(der, 'base64'));
  const verdict = evaluateDocument(document, domain, chain);
  if ('problems' in verdict) throw new Error('a configuration that was valid no longer is');
  return verdict;
}

function mismatch(
  { domain }: PinnedDomain,
  path: string,
  verdict: Verdict,
  { certificates }: Probe,
): PinningProblem | null {
  if (verdict.reason === 'pin-matched') return null;
  return {
    severity: verdict.verdict === 'blocked' ? 'error' : 'warning',
    path,
    code: `online-${verdict.reason}`,
    message: `the server of ${domain} shows none of the pins`,
    suggestion: `if it is the right server, add the pin of its key, \`${certificates[0]?.pin ?? ''}\``,
  };
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
