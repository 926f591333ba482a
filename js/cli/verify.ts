import { type ManifestVerdict, verifyManifest } from './addon.js';
import type { Command } from './command.js';
import { EXIT, usageError } from './errors.js';
import { readText } from './files.js';
import { readApp } from './installed-app.js';
import { paragraph, printable, type Style } from './output.js';
import { readPublicKeyFile } from './signing-key.js';
import { parseInstant } from './time.js';

const USAGE = 'verify MANIFEST --key FILE';

/** What an app says of a manifest. */
export const verify: Command = {
  name: 'verify',
  summary: 'whether an app would take a file of signed pins',
  usage: [
    'verify MANIFEST --key FILE [--key FILE…] [--at yyyy-MM-dd] [--config FILE] [--app-version V] [--audience A]',
    'verify MANIFEST --config FILE [--at yyyy-MM-dd] [--app-version V]',
  ],
  about: [
    'MANIFEST is what `sign` has made; - is standard input: `curl -s https://example.com/pins.jwt | … verify - --key key.pub`.',
    'With --config it is the app configured so, freshly installed, that answers: by its `updates.publicKeys` and ' +
      '`updates.audience`, unless --key or --audience say others, and by its pins, which a manifest cannot take away.',
    'Exit code 1: an app would refuse it.',
  ],
  options: {
    key: {
      value: 'FILE',
      help: 'a public key of the app, PEM or JWK; any of them may have signed',
      repeatable: true,
    },
    at: { value: 'yyyy-MM-dd', help: 'as on that day, 00:00 UTC (or at an RFC 3339 time); now' },
    config: { value: 'FILE', help: 'the configuration of the app' },
    'app-version': { value: 'V', help: 'the version of the app, for `minAppVersion`' },
    audience: { value: 'A', help: '`updates.audience` of the app' },
  },
  async run(args) {
    const [path, ...more] = args.operands;
    if (path === undefined) throw usageError('there is no manifest to verify', `name a file: ${USAGE}`);
    if (more.length > 0) throw usageError('verify takes one manifest at a time', 'run it once for each file');
    const [at, config] = [args.value('at'), args.value('config')];
    const now = at === undefined ? undefined : parseInstant(at);
    const app = config === undefined ? undefined : await readApp(config, now);
    const given: string[] = [];
    for (const file of args.values('key')) given.push(await readPublicKeyFile(file));
    const keys = given.length > 0 ? given : app?.updates?.keys;
    if (keys === undefined) {
      const advice = `use ${USAGE}, or a --config that has \`updates.publicKeys\``;
      throw usageError('--key is missing', advice);
    }
    const verdict = verifyManifest(await readText(path, 'manifest'), {
      keys,
      now,
      config: app?.document,
      appVersion: args.value('app-version'),
      audience: args.value('audience') ?? app?.updates?.audience,
    });
    return {
      exitCode: verdict.ok ? EXIT.good : EXIT.against,
      json: verdict,
      human: (style) => describe(verdict, style),
    };
  },
};

function describe({ ok, code, message, manifest }: ManifestVerdict, style: Style): string {
  const headline = ok ? style.good('TAKEN') : style.bad('REFUSED');
  const lines = [`${headline}  ${ok ? '' : `${code}: `}${printable(message)}`];
  if (manifest === null) return paragraph(lines.join('\n'));
  const time = (seconds: number) => new Date(seconds * 1000).toISOString();
  lines.push(
    `  version ${manifest.version}, signed ${time(manifest.iat)}, ends ${time(manifest.exp)}`,
    `  by ${manifest.algorithm} key ${manifest.signedBy}`,
  );
  for (const { domain, pins, includeSubdomains, expirationDate, reportOnly } of manifest.domains) {
    const until = expirationDate === null ? '' : `, until ${expirationDate}`;
    const subdomains = includeSubdomains ? ' and subdomains' : '';
    lines.push(`  ${printable(domain)}${subdomains}${until}${reportOnly ? ', report-only' : ''}`);
    lines.push(...pins.map((pin) => `    sha256/${pin}`));
  }
  if (manifest.publicKeys !== null) lines.push(`  from then on signed by ${manifest.publicKeys.join(', ')}`);
  return lines.join('\n');
}
