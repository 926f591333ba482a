import type { PinningProblem } from '../src/types.js';
import { checkClaims, type ManifestVerdict, verifyManifest } from './addon.js';
import type { Arguments } from './args.js';
import { describeProblem } from './check.js';
import type { Command } from './command.js';
import { CliError, EXIT, usageError } from './errors.js';
import { inputName, readText } from './files.js';
import { type InstalledApp, readApp } from './installed-app.js';
import { writeNew } from './new-file.js';
import { count, printable, type Style } from './output.js';
import { PASSPHRASE_VARIABLE, readSigningKey, type SigningKey, signManifest } from './signing-key.js';
import { parseInstant } from './time.js';

const USAGE = 'sign CLAIMS --key FILE';

/** A pin manifest. */
export const sign: Command = {
  name: 'sign',
  summary: 'sign pins for installed apps',
  usage: [
    'sign CLAIMS --key FILE [--passphrase-file FILE] [--expires yyyy-MM-dd | --days N] [--manifest-version N] ' +
      '[--out FILE] [--config FILE]',
  ],
  about: [
    'CLAIMS is a JSON file, - is standard input: `{"version": 7, "exp": seconds, "domains": options}`, where the options are ' +
      'those of `initializeSslPinning`. `iat` is now, unless it is there. Also `minAppVersion`, `publicKeys` (who may sign ' +
      'from then on, and nobody else) and `aud`. An `ssl-pinning.json` is taken too: its domains are signed, the version and ' +
      'the end come from the options.',
    'Each manifest needs a higher version than every one that was published, and an end: apps then fall back to the pins ' +
      'that they were shipped with. 30 days and a new one every week is a good rhythm.',
    'The manifest goes to standard output, or to a new file by --out; warnings go to standard error. It is verified before, ' +
      'as apps verify it; with --config as the app configured so, freshly installed: by its `updates.publicKeys`, its ' +
      '`updates.audience` and its pins.',
    'Exit code 1: the claims have errors, or such an app would refuse the manifest. Then nothing is signed.',
  ],
  options: {
    key: { value: 'FILE', help: 'the private key: PEM (PKCS #8, SEC 1) or JWK' },
    'passphrase-file': {
      value: 'FILE',
      help: `has the passphrase of an encrypted PEM; else ${PASSPHRASE_VARIABLE} in the environment has it`,
    },
    expires: {
      value: 'yyyy-MM-dd',
      help: 'the end, 00:00 UTC of that day (or an RFC 3339 time), in place of `exp`',
    },
    days: { value: 'N', help: 'the end, so many days from now' },
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
    const text = await readText(path, 'claims');
    const claims = claimsOf(text, inputName(path), args);
    const key = await readSigningKey(keyFile, args.value('passphrase-file'));
    const config = args.value('config');
    const app = config === undefined ? undefined : await readApp(config);

    const problems = problemsOf(claims, text);
    if (problems.some(({ severity }) => severity === 'error')) return refused(problems, inputName(path));
    const manifest = signManifest(claims, key);
    const verdict = ask(manifest, claims, key, app);
    const out = args.value('out') === '-' ? undefined : args.value('out');
    if (out !== undefined) await writeNew(out, manifest, 0o644);
    return {
      exitCode: EXIT.good,
      json: { ok: true, problems, manifest, file: out ?? null },
      human: (style) => (out === undefined ? manifest : describeSigned(verdict, out, style)),
      notes: (style) =>
        problems.map((problem) => describeProblem(problem, inputName(path), style)).join('\n'),
    };
  },
};

type Claims = Record<string, unknown>;

/** What is signed: of claims, or of a configuration file, whose settings are the app's. */
function claimsOf(text: string, name: string, args: Arguments): Claims {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new CliError('json-syntax', `${name}: ${(error as Error).message}`, 'correct the JSON');
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new CliError('not-an-object', `${name}: the claims are no object`, 'see `help sign`');
  }
  const { settings: _ofTheApp, ...given } = content as Claims;
  const now = Math.floor(Date.now() / 1000);
  const claims: Claims = { iat: now, ...given };
  const [expires, days] = [args.value('expires'), integerOf(args, 'days', 3650)];
  if (expires !== undefined && days !== undefined) {
    throw usageError('--expires and --days both say when the manifest ends', 'give one of them');
  }
  if (expires !== undefined) claims.exp = Math.floor(parseInstant(expires) / 1000);
  if (days !== undefined) claims.exp = now + days * 86_400;
  const version = integerOf(args, 'manifest-version', Number.MAX_SAFE_INTEGER);
  if (version !== undefined) claims.version = version;
  return claims;
}

function integerOf(args: Arguments, option: string, most: number): number | undefined {
  const text = args.value(option);
  if (text === undefined) return undefined;
  const number = /^[1-9]\d{0,15}$/.test(text) ? Number(text) : Number.NaN;
  if (number <= most) return number;
  throw usageError(`--${option} is "${text}"`, `write a whole number from 1 to ${most}`);
}

/** What is wrong with the claims, and what only their text shows: JavaScript drops the first of two equal names. */
function problemsOf(claims: Claims, text: string): readonly PinningProblem[] {
  const { problems } = checkClaims(JSON.stringify(claims));
  const twice = checkClaims(text).problems.filter(
    ({ code, path }) => code === 'duplicate-key' && !problems.some((known) => known.path === path),
  );
  return [...twice, ...problems];
}

/** What apps say of the manifest. A refusal is an error. */
function ask(
  manifest: string,
  claims: Claims,
  key: SigningKey,
  app: InstalledApp | undefined,
): ManifestVerdict {
  const { keys, audience } = app?.updates ?? { keys: [key.publicPem], audience: audienceOf(claims) };
  const request = { keys, audience, config: app?.document, appVersion: versionOf(claims) };
  const verdict = verifyManifest(manifest, request);
  if (verdict.ok) return verdict;
  const advice =
    verdict.code === 'manifest-signature'
      ? 'sign with one whose public half is in `updates.publicKeys`, or correct those before the app is released'
      : null;
  throw new CliError(verdict.code, verdict.message, advice, EXIT.against);
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
