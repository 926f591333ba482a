import type { PinningProblem } from '../src/types.js';
import { checkClaims, type ManifestVerdict, verifyManifest } from './addon.js';
import type { Arguments } from './args.js';
import { describeProblem } from './check.js';
import type { Command } from './command.js';
import { CliError, EXIT, usageError } from './errors.js';
import { inputName, readText } from './files.js';
import { writeNew } from './new-file.js';
import { count, printable, type Style } from './output.js';
import { readSigningKey, signManifest } from './signing-key.js';
import { parseInstant } from './time.js';

const USAGE = 'sign CLAIMS --key FILE';

/** A pin manifest. */
export const sign: Command = {
  name: 'sign',
  summary: 'sign pins for installed apps',
  usage: [
    'sign CLAIMS --key FILE [--passphrase-file FILE] [--expires yyyy-MM-dd] [--manifest-version N] [--out FILE] [--config FILE]',
  ],
  about: [
    'CLAIMS is a JSON file, - is standard input: `{"version": 7, "exp": seconds, "domains": options}`, where the options are ' +
      'those of `initializeSslPinning`. `iat` is now, unless it is there. Also `minAppVersion`, `publicKeys` (who may sign ' +
      'from then on, and nobody else) and `aud`. An `ssl-pinning.json` is taken too: its domains are signed, the version and ' +
      'the end come from the options.',
    'Each manifest needs a higher version than every one that was published, and an end: apps then fall back to the pins ' +
      'that they were shipped with. 30 days and a new one every week is a good rhythm.',
    'The manifest goes to standard output, or to a new file by --out. It is verified before, as apps verify it; with --config ' +
      'as one does that is pinned so.',
    'Exit code 1: the claims have errors, or such an app would refuse the manifest. Then nothing is signed.',
  ],
  options: {
    key: { value: 'FILE', help: 'the private key: PEM (PKCS #8, SEC 1) or JWK' },
    'passphrase-file': { value: 'FILE', help: 'has the passphrase of an encrypted PEM' },
    expires: {
      value: 'yyyy-MM-dd',
      help: 'the end, 00:00 UTC of that day (or an RFC 3339 time), in place of `exp`',
    },
    'manifest-version': { value: 'N', help: 'in place of `version`' },
    config: { value: 'FILE', help: 'the configuration of an app that must take the manifest' },
    out: { value: 'FILE', help: 'a new file for the manifest' },
  },
  async run(args) {
    const [path, ...more] = args.operands;
    if (path === undefined) throw usageError('there are no claims to sign', `name a file: ${USAGE}`);
    if (more.length > 0) throw usageError('sign signs one file at a time', 'run it once for each file');
    const keyFile = args.value('key');
    if (keyFile === undefined) throw usageError('--key is missing', `use ${USAGE}`);
    const claims = claimsOf(await readText(path, 'claims'), inputName(path), args);
    const key = await readSigningKey(keyFile, args.value('passphrase-file'));
    const config = args.value('config');
    const document = config === undefined ? undefined : await readText(config, 'configuration');

    const { ok, problems } = checkClaims(JSON.stringify(claims));
    if (!ok) return refused(problems, inputName(path));
    const manifest = signManifest(claims, key);
    const verdict = verifyManifest(manifest, {
      keys: [key.publicPem],
      config: document,
      audience: audienceOf(claims),
      appVersion: versionOf(claims),
    });
    if (!verdict.ok) throw new CliError(verdict.code, verdict.message, null, EXIT.against);
    const out = args.value('out');
    if (out !== undefined) await writeNew(out, manifest, 0o644);
    return {
      exitCode: EXIT.good,
      json: { ok: true, problems, manifest, file: out ?? null },
      human: (style) => {
        if (out === undefined) return manifest;
        const warnings = problems.map((problem) => describeProblem(problem, inputName(path), style));
        return [...warnings, describeSigned(verdict, out, style)].join('\n');
      },
    };
  },
};

type Claims = Record<string, unknown>;

/** What is signed: of claims, or of a configuration file, whose settings are the app's. */
function claimsOf(text: string, name: string, args: Arguments): Claims {
  let content: unknown;
  try {
    content = JSON.parse(text.replace(/^\ufeff/, ''));
  } catch (error) {
    throw new CliError('json-syntax', `${name}: ${(error as Error).message}`, 'correct the JSON');
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new CliError('not-an-object', `${name}: the claims are no object`, 'see `help sign`');
  }
  const { settings: _ofTheApp, ...given } = content as Claims;
  const claims: Claims = { iat: Math.floor(Date.now() / 1000), ...given };
  const [expires, version] = [args.value('expires'), args.value('manifest-version')];
  if (expires !== undefined) claims.exp = Math.floor(parseInstant(expires) / 1000);
  if (version !== undefined) claims.version = Number(version);
  return claims;
}

function audienceOf({ aud }: Claims): string | undefined {
  const first = Array.isArray(aud) ? aud[0] : aud;
  return typeof first === 'string' ? first : undefined;
}

function versionOf({ minAppVersion }: Claims): string | undefined {
  return typeof minAppVersion === 'string' ? minAppVersion : undefined;
}

function refused(problems: readonly PinningProblem[], name: string) {
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  return {
    exitCode: EXIT.against,
    json: { ok: false, problems, manifest: null, file: null },
    human: (style: Style) =>
      [
        ...problems.map((problem) => describeProblem(problem, name, style)),
        '',
        `${style.bad(count(errors, 'error'))}: nothing was signed`,
      ].join('\n'),
  };
}

function describeSigned({ manifest }: ManifestVerdict, out: string, style: Style): string {
  const until = new Date((manifest?.exp ?? 0) * 1000).toISOString();
  const what = `version ${manifest?.version}, ${count(manifest?.domains.length ?? 0, 'domain')}, until ${until}`;
  return `${style.good('signed')} ${printable(out)}: ${what}`;
}
