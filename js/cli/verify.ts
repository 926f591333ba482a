import { type ManifestVerdict, verifyManifest } from './addon.js';
import type { Command } from './command.js';
import { EXIT, usageError } from './errors.js';
import { readText } from './files.js';
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
  ],
  about: [
    'MANIFEST is what `sign` has made; - is standard input: `curl -s https://example.com/pins.jwt | … verify - --key key.pub`.',
    'Exit code 1: an app would refuse it. With --config, one that is pinned so, as a manifest cannot unpin what an app pins.',
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
    const keyFiles = args.values('key');
    if (keyFiles.length === 0) throw usageError('--key is missing', `use ${USAGE}`);
    const keys: string[] = [];
    for (const file of keyFiles) keys.push(await readPublicKeyFile(file));
    const [at, config] = [args.value('at'), args.value('config')];
    const verdict = verifyManifest(await readText(path, 'manifest'), {
      keys,
      now: at === undefined ? undefined : parseInstant(at),
      config: config === undefined ? undefined : await readText(config, 'configuration'),
      appVersion: args.value('app-version'),
      audience: args.value('audience'),
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
  for (const { domain, pins, includeSubdomains } of manifest.domains) {
    lines.push(`  ${printable(domain)}${includeSubdomains ? ' and subdomains' : ''}`);
    lines.push(...pins.map((pin) => `    sha256/${pin}`));
  }
  if (manifest.publicKeys !== null) lines.push(`  from then on signed by ${manifest.publicKeys.join(', ')}`);
  return lines.join('\n');
}
