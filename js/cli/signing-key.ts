/** The keys that manifests are signed with: node:crypto reads them, the core says of a public one what apps say of it. */
import {
  createPrivateKey,
  createPublicKey,
  type JsonWebKey,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { readVerificationKey, type VerificationKey } from './addon.js';
import { CliError, type ErrorData } from './errors.js';
import { inputName, readText } from './files.js';

/** A private key with what apps know of it. */
export interface SigningKey {
  readonly privateKey: KeyObject;
  /** PEM of the public half. */
  readonly publicPem: string;
  readonly public: VerificationKey;
}

/** Where the passphrase of a key is, if no file has it: CI systems keep secrets in the environment. */
export const PASSPHRASE_VARIABLE = 'SPKI_PINNING_PASSPHRASE';

/** Reads a private key: PKCS #8 or SEC 1 in PEM, perhaps encrypted, or a JWK. */
export async function readSigningKey(path: string, passphraseFile: string | undefined): Promise<SigningKey> {
  const text = await readText(path, 'private key');
  const passphrase =
    passphraseFile === undefined ? process.env[PASSPHRASE_VARIABLE] : await readPassphrase(passphraseFile);
  const name = inputName(path);
  let privateKey: KeyObject;
  try {
    privateKey = privateKeyOf(text, passphrase);
  } catch {
    // What the error says may quote the key.
    throw unreadable(name, text, passphrase !== undefined);
  }
  const key = signingKey(privateKey, name);
  if (isJwk(text) && !hasOwnHalf(text, key)) {
    throw new CliError(
      'key-halves-differ',
      `${name}: the private and the public half of the JWK do not belong together`,
      'take the file as it was made',
    );
  }
  return key;
}

/** node:crypto believes a JWK that its halves belong together. */
function hasOwnHalf(text: string, key: SigningKey): boolean {
  const { d: _, ...half } = JSON.parse(text);
  const probe = Buffer.from('probe');
  const publicKey = createPublicKey({ key: half, format: 'jwk' });
  return verify(DIGEST[key.public.algorithm], probe, { key: publicKey, ...ENCODING }, signBytes(probe, key));
}

function isJwk(text: string): boolean {
  return text.trimStart().startsWith('{');
}

/** The first line of a file. */
export async function readPassphrase(path: string): Promise<string> {
  const passphrase = (await readText(path, 'passphrase')).replace(/\r?\n$/, '');
  if (passphrase !== '') return passphrase;
  throw new CliError('passphrase-empty', `${inputName(path)}: the passphrase is empty`, 'write one into it');
}

function privateKeyOf(text: string, passphrase: string | undefined): KeyObject {
  if (isJwk(text)) {
    return createPrivateKey({ key: JSON.parse(text) as JsonWebKey, format: 'jwk' });
  }
  return createPrivateKey(passphrase === undefined ? { key: text } : { key: text, passphrase });
}

/** A private key that apps can verify by. `name`: its file. */
export function signingKey(privateKey: KeyObject, name?: string): SigningKey {
  const publicPem = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString();
  const read = readVerificationKey(publicPem);
  if (!read.ok) throw keyError(read.problem, name);
  return { privateKey, publicPem, public: read };
}

function keyError({ code, message, suggestion }: ErrorData, name: string | undefined): CliError {
  return new CliError(code, name === undefined ? message : `${name}: ${message}`, suggestion);
}

function unreadable(name: string, text: string, hasPassphrase: boolean): CliError {
  if (readVerificationKey(text).ok || /BEGIN PUBLIC KEY/.test(text)) {
    return new CliError(
      'key-is-public',
      `${name}: this is a public key`,
      'give the private one, which signs',
    );
  }
  if (/ENCRYPTED/.test(text)) {
    return hasPassphrase
      ? new CliError(
          'key-passphrase',
          `${name}: the passphrase does not open the private key`,
          'give the one that it was encrypted with; else the file is damaged',
        )
      : new CliError(
          'key-encrypted',
          `${name}: the private key is encrypted`,
          `give its passphrase by --passphrase-file FILE, or in the variable ${PASSPHRASE_VARIABLE}`,
        );
  }
  return new CliError(
    'key-unreadable',
    `${name}: this is no private key that can be read`,
    'give one in PEM (PKCS #8 or SEC 1) or as a JWK; `keygen` makes one',
  );
}

/** Signs the claims of a manifest: a compact JWS (RFC 7515 §3.1). */
export function signManifest(claims: object, key: SigningKey): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const { algorithm, thumbprint } = key.public;
  const signed = `${encode({ alg: algorithm, typ: 'pins+jwt', kid: thumbprint })}.${encode(claims)}`;
  return `${signed}.${signBytes(Buffer.from(signed), key).toString('base64url')}`;
}

/** Ed25519 has its own digest. */
const DIGEST = { EdDSA: null, ES256: 'sha256' } as const;
/** RFC 7518 §3.4; node:crypto's default is DER. It means nothing to Ed25519. */
const ENCODING = { dsaEncoding: 'ieee-p1363' } as const;

function signBytes(bytes: Buffer, { privateKey, public: { algorithm } }: SigningKey): Buffer {
  return sign(DIGEST[algorithm], bytes, { key: privateKey, ...ENCODING });
}

/** The text of a public key, as apps read it. */
export async function readPublicKeyFile(path: string): Promise<string> {
  const text = await readText(path, 'public key');
  const read = readVerificationKey(text);
  if (read.ok) return text;
  throw keyError(read.problem, inputName(path));
}
