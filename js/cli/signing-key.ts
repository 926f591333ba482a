/** The keys that manifests are signed with: node:crypto reads them, the core says of a public one what apps say of it. */
import { createPrivateKey, createPublicKey, type JsonWebKey, type KeyObject, sign } from 'node:crypto';
import { readVerificationKey, type VerificationKey } from './addon.js';
import { CliError } from './errors.js';
import { inputName, readText } from './files.js';

/** A private key with what apps know of it. */
export interface SigningKey {
  readonly privateKey: KeyObject;
  /** PEM of the public half. */
  readonly publicPem: string;
  readonly public: VerificationKey;
}

/** Reads a private key: PKCS #8 or SEC 1 in PEM, perhaps encrypted, or a JWK. */
export async function readSigningKey(path: string, passphraseFile: string | undefined): Promise<SigningKey> {
  const text = await readText(path, 'private key');
  const passphrase = passphraseFile === undefined ? undefined : await readPassphrase(passphraseFile);
  const name = inputName(path);
  try {
    return signingKey(privateKeyOf(text, passphrase));
  } catch (error) {
    throw error instanceof CliError ? error : unreadable(name, text, passphrase, error as Error);
  }
}

async function readPassphrase(path: string): Promise<string> {
  return (await readText(path, 'passphrase')).replace(/\r?\n$/, '');
}

function privateKeyOf(text: string, passphrase: string | undefined): KeyObject {
  if (text.trimStart().startsWith('{')) {
    return createPrivateKey({ key: JSON.parse(text) as JsonWebKey, format: 'jwk' });
  }
  return createPrivateKey(passphrase === undefined ? { key: text } : { key: text, passphrase });
}

/** A private key that apps can verify by. */
export function signingKey(privateKey: KeyObject): SigningKey {
  const publicPem = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString();
  const read = readVerificationKey(publicPem);
  if (!read.ok) throw CliError.from(read.problem);
  return { privateKey, publicPem, public: read };
}

function unreadable(name: string, text: string, passphrase: string | undefined, cause: Error): CliError {
  if (/BEGIN PUBLIC KEY/.test(text)) {
    return new CliError(
      'key-is-public',
      `${name}: this is a public key`,
      'give the private one, which signs',
    );
  }
  if (/ENCRYPTED/.test(text) && passphrase === undefined) {
    const message = `${name}: the private key is encrypted`;
    return new CliError('key-encrypted', message, 'give its passphrase by --passphrase-file FILE');
  }
  const message = `${name}: this is no private key that can be read: ${cause.message}`;
  return new CliError('key-unreadable', message, 'make one with `keygen`');
}

/** Signs the claims of a manifest: a compact JWS (RFC 7515 §3.1). */
export function signManifest(claims: object, key: SigningKey): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const { algorithm, thumbprint } = key.public;
  const signed = `${encode({ alg: algorithm, typ: 'pins+jwt', kid: thumbprint })}.${encode(claims)}`;
  const signature =
    algorithm === 'EdDSA'
      ? sign(null, Buffer.from(signed), key.privateKey)
      : sign('sha256', Buffer.from(signed), { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}

/** The text of a public key, as apps read it; with what they know of it. */
export async function readPublicKeyFile(path: string): Promise<string> {
  const text = await readText(path, 'public key');
  const read = readVerificationKey(text);
  if (read.ok) return text;
  const { code, message, suggestion } = read.problem;
  throw new CliError(code, `${inputName(path)}: ${message}`, suggestion);
}
