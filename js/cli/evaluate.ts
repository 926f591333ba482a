import type { PinnedDomain } from '../src/types.js';
import {
  type Described,
  domainsOf,
  evaluateDocument,
  normalizeHost,
  readCertificates,
  type Verdict,
} from './addon.js';
import type { Arguments } from './args.js';
import { InvalidConfiguration } from './check.js';
import type { Command } from './command.js';
import { CliError, EXIT, usageError } from './errors.js';
import { inputName, readInput, readText } from './files.js';
import { excerpt, paragraph, printable, type Style, wrap } from './output.js';
import { badHost } from './target.js';
import { parseInstant } from './time.js';

/** The verdict about a host and a chain. */
export const evaluate: Command = {
  name: 'evaluate',
  summary: 'whether a configuration lets a chain of certificates through for a host',
  usage: ['evaluate --config FILE --host HOST --chain FILE [--at yyyy-MM-dd]'],
  about: [
    'The chain is PEM, leaf first (or one certificate in DER), and taken as validated. - is standard input.',
    'Exit code 1: blocked. Allowed and report-only are exit code 0; a configuration with errors is 2.',
  ],
  options: {
    config: { value: 'FILE', help: 'the configuration, as for `check`' },
    host: { value: 'HOST', help: 'the host that the app calls' },
    chain: { value: 'FILE', help: 'the certificates of the connection' },
    at: { value: 'yyyy-MM-dd', help: 'judge as on that day, 00:00 UTC (or at an RFC 3339 time); now' },
  },
  async run(args) {
    if (args.operands.length > 0) {
      throw usageError(
        `"${args.operands[0]}" belongs to no option`,
        'use --config FILE --host HOST --chain FILE',
      );
    }
    const [config, host, chainFile] = [need(args, 'config'), hostOf(need(args, 'host')), need(args, 'chain')];
    const at = args.value('at');
    const now = at === undefined ? Date.now() : parseInstant(at);
    const document = await readText(config, 'configuration');
    const chain = await readChain(chainFile);
    const answer = evaluateDocument(
      document,
      host,
      chain.map(({ der }) => Buffer.from(der, 'base64')),
      now,
    );
    if ('problems' in answer) throw new InvalidConfiguration(inputName(config), answer.problems);
    return {
      exitCode: answer.verdict === 'blocked' ? EXIT.against : EXIT.good,
      json: answer,
      human: (style) => {
        const entry = domainsOf(document).find(({ domain }) => domain === answer.entry);
        return describeVerdict(host, answer, chain, entry, now, style);
      },
    };
  },
};

function need(args: Arguments, name: string): string {
  const value = args.value(name);
  if (value !== undefined) return value;
  throw usageError(`--${name} is missing`, 'use evaluate --config FILE --host HOST --chain FILE');
}

/** A host may be spelled as in any URL, but a URL is none: it would be "not pinned", and look fine. Nor is a wildcard. */
function hostOf(text: string): string {
  const normalized = normalizeHost(text);
  if (normalized.ok || !NO_HOSTS.includes(normalized.problem.code)) return text;
  throw badHost(normalized.problem);
}

const NO_HOSTS: readonly string[] = [
  'domain-is-url',
  'domain-has-port',
  'domain-has-path',
  'domain-has-user-info',
  'domain-is-wildcard',
];

/** A certificate of the chain, as far as it can be read. */
type Link = Pick<Described, 'subject' | 'der'>;

const CERTIFICATE = /^[ \t]*-----BEGIN (?:X509 )?CERTIFICATE-----[ \t]*\r?\n([\s\S]*?)^[ \t]*-----END /gm;

async function readChain(path: string): Promise<readonly Link[]> {
  const file = await readInput(path, 'chain');
  const answer = readCertificates(file);
  if (answer.ok) return answer.certificates;
  // The PEM is in order, a certificate is not: that is for the core to judge, and it has a reason for it.
  if (answer.error.code === 'pem-bad-content') {
    const blocks = [...file.toString('latin1').matchAll(CERTIFICATE)];
    return blocks.map(([, body = '']) => ({ subject: null, der: body.replace(/\s/g, '') }));
  }
  const { code, message, suggestion } = answer.error;
  const isOther = code === 'pem-other-content'; // the core advises options that are those of `hash`
  const advice = isOther ? 'give the certificates of the chain, leaf first' : suggestion;
  throw new CliError(code, `${inputName(path)}: ${message}`, advice);
}

const WORDS: Readonly<Record<string, string>> = {
  'pin-matched': 'A certificate of the chain has a pinned key.',
  'not-pinned': 'No domain of the configuration governs this host, so nothing is checked.',
  'pin-expired': 'The pins for this host have expired, so they are off.',
  'subdomain-excluded': 'This host is among the `excludedSubdomains`, so nothing is checked.',
  'no-pin-matched': 'No certificate of the chain has a pinned key.',
  'empty-chain': 'There is no certificate to compare with the pins.',
  'unparsable-chain': 'A certificate of the chain is not well-formed, so it can satisfy no pin.',
  'chain-too-large': 'The chain has more certificates, or a larger one, than any real chain.',
  'missing-host': 'The host is unknown while something is pinned.',
};

const HEADLINES = { allowed: 'ALLOWED', blocked: 'BLOCKED', reportOnly: 'REPORT ONLY' } as const;

function describeVerdict(
  host: string,
  verdict: Verdict,
  chain: readonly Link[],
  entry: PinnedDomain | undefined,
  now: number,
  style: Style,
): string {
  const colour = { allowed: style.good, blocked: style.bad, reportOnly: style.caution }[verdict.verdict];
  const headline = HEADLINES[verdict.verdict];
  const words = WORDS[verdict.reason] ?? '';
  const outcome = verdict.verdict === 'reportOnly' ? ' The connection goes ahead, and a report says so.' : '';
  const lines = [
    `${colour(headline)} ${printable(host) || '(no host)'} (${verdict.reason})`,
    paragraph(words + outcome),
    '',
    `time    ${new Date(now).toISOString().replace('.000', '')}`,
    `entry   ${entry === undefined ? 'none' : describeEntry(entry)}`,
    ...pinList(
      'served',
      verdict.servedPins,
      verdict.matchedPin,
      style,
      (index) => chain[index]?.subject ?? '',
    ),
  ];
  if (entry !== undefined) lines.push(...pinList('pinned', entry.pins, verdict.matchedPin, style, () => ''));
  return lines.join('\n');
}

function describeEntry(entry: PinnedDomain): string {
  const subdomains = entry.includeSubdomains ? ' and its subdomains' : '';
  const expiry = entry.expirationDate === null ? '' : `, until ${entry.expirationDate}`;
  return `${entry.domain}${subdomains}${expiry}`;
}

/** One pin a line, the one that matches marked. */
function pinList(
  title: string,
  pins: readonly string[],
  matched: string | null,
  style: Style,
  remark: (index: number) => string,
): string[] {
  return pins.flatMap((pin, index) => {
    const mark = pin === matched ? '*' : ' ';
    const lead = `${(index === 0 ? title : '').padEnd(6)}${mark} ${pin} `;
    const [first = '', ...rest] = wrap(
      `${lead} ${printable(excerpt(remark(index)))}`.trimEnd(),
      ' '.repeat(lead.length + 1),
    );
    return [pin === matched ? first.replace(pin, style.good(pin)) : first, ...rest];
  });
}
