import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { unlink } from 'node:fs/promises';
import type { Command } from './command.js';
import { EXIT, usageError } from './errors.js';
import { writeNew } from './new-file.js';
import { paragraph, printable, type Style } from './output.js';
import { readPassphrase, type SigningKey, signingKey } from './signing-key.js';

const ALGORITHMS = ['EdDSA', 'ES256'] as const;
const FORMATS = ['pem', 'jwk'] as const;

/** A key pair for signed pins. */
export const keygen: Command = {
  name: 'keygen',
  summary: 'make a key pair that signs pins for installed apps',
  usage: ['keygen --out FILE [--algorithm EdDSA|ES256] [--format pem|jwk] [--passphrase-file FILE]'],
  about: [
    'Writes the private key to FILE, readable by you alone, and the public key to FILE.pub. A file that exists is never ' +
      'written over. The public key goes into the app, into `updates.publicKeys`; the private key signs.',
    'Make two pairs, put both public keys into the app, and keep the second private key offline: it is what rescues ' +
      'installed apps when the first one is lost or stolen.',
    'With pem the keys are PKCS #8 and SPKI, as openssl has them; with jwk they are RFC 7517, as JOSE libraries have ' +
      'them.',
  ],
  options: {
    out: { value: 'FILE', help: 'where the private key goes; the public one goes to FILE.pub' },
    algorithm: {
      value: 'ALG',
      help: 'EdDSA (Ed25519), or ES256 (P-256) for a key in an HSM or cloud KMS; EdDSA',
    },
    format: { value: 'FORMAT', help: 'pem or jwk; pem' },
    'passphrase-file': { value: 'FILE', help: 'has a passphrase that the private key is to be behind (pem)' },
  },
  async run(args) {
    const [extra] = args.operands;
    if (extra !== undefined) throw usageError(`"${extra}" belongs to no option`, `use keygen --out ${extra}`);
    const out = args.value('out');
    if (out === undefined || out === '') {
      throw usageError('--out is missing', 'name the file of the private key: keygen --out pins-key.pem');
    }
    if (out === '-')
      throw usageError('a private key is never printed', 'name a file: keygen --out pins-key.pem');
    const algorithm = oneOf(ALGORITHMS, args.value('algorithm') ?? 'EdDSA', '--algorithm');
    const format = oneOf(FORMATS, args.value('format') ?? 'pem', '--format');
    const passphraseFile = args.value('passphrase-file');
    if (passphraseFile !== undefined && format === 'jwk') {
      throw usageError('a JWK has no passphrase', 'use --format pem');
    }
    const passphrase = passphraseFile === undefined ? undefined : await readPassphrase(passphraseFile);
    const key = signingKey(generate(algorithm));
    const publicFile = `${out}.pub`;
    // The private one first, as it fails where one is: a public key that is not of the private key beside it would be put
    // into apps, and be noticed on the day that it is needed.
    await writeNew(out, privateText(key, format, passphrase), 0o600);
    try {
      await writeNew(publicFile, publicText(key, format), 0o644);
    } catch (error) {
      await unlink(out);
      throw error;
    }
    return {
      exitCode: EXIT.good,
      json: { privateKeyFile: out, publicKeyFile: publicFile, ...key.public, publicKey: key.publicPem },
      human: (style) => describe(key, out, publicFile, style),
    };
  },
};

function oneOf<T extends string>(known: readonly T[], given: string, option: string): T {
  const found = known.find((word) => word.toLowerCase() === given.toLowerCase());
  if (found === undefined) throw usageError(`${option} ${given} is not known`, `use ${known.join(' or ')}`);
  return found;
}

function generate(algorithm: (typeof ALGORITHMS)[number]): KeyObject {
  if (algorithm === 'EdDSA') return generateKeyPairSync('ed25519').privateKey;
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

function privateText(
  { privateKey, public: { algorithm, thumbprint } }: SigningKey,
  format: string,
  passphrase: string | undefined,
): string {
  if (format === 'pem') {
    const encryption = passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase };
    return privateKey.export({ type: 'pkcs8', format: 'pem', ...encryption }).toString();
  }
  return jwkText({ ...privateKey.export({ format: 'jwk' }), alg: algorithm, use: 'sig', kid: thumbprint });
}

function publicText(
  { publicPem, public: { algorithm, thumbprint, jwk } }: SigningKey,
  format: string,
): string {
  return format === 'pem' ? publicPem : jwkText({ ...jwk, alg: algorithm, use: 'sig', kid: thumbprint });
}

function jwkText(jwk: object): string {
  return `${JSON.stringify(jwk, null, 2)}\n`;
}

function describe(key: SigningKey, out: string, publicFile: string, style: Style): string {
  return [
    `${style.good('made')} ${key.public.algorithm} key ${key.public.thumbprint}`,
    `  private: ${printable(out)} (signs: keep it where you keep release keys, never in a repository)`,
    `  public:  ${printable(publicFile)}`,
    '',
    style.bold('Put this into the app'),
    '',
    '  initializeSslPinning(pins, {',
    '    updates: {',
    "      url: 'https://example.com/pins.jwt', // where you will publish what `sign` makes",
    `      publicKeys: [${JSON.stringify(key.publicPem.trim())}],`,
    '    },',
    '  });',
    '',
    paragraph(
      'Then make a second pair on another machine, add its public key to `publicKeys`, and keep its private key offline.',
    ),
  ].join('\n');
}
