import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { type Described, readPublicKey } from './addon.js';
import { PROGRAM } from './command.js';
import { CliError } from './errors.js';
import { STANDARD_INPUT } from './files.js';

/**
 * Describes the public half of every key in a file: a SubjectPublicKeyInfo, or a private key (PKCS #8, PKCS #1, SEC 1),
 * or an RSA public key (PKCS #1), each in PEM or DER, or a JWK.
 */
export function describeKeys(file: Buffer, path: string): readonly Described[] {
  const answer = readPublicKey(file);
  if (answer.ok) return answer.certificates;
  // The core has read the PEM by now: its lines are in order, only what it holds is no SubjectPublicKeyInfo.
  const found = answer.error.code === 'pem-other-content' ? fromPem(file, path) : null;
  const keys = found ?? (answer.error.code === 'file-unreadable' ? fromJwkOrDer(file, path) : []);
  if (keys.length === 0)
    throw CliError.from({ ...answer.error, message: `${path}: ${answer.error.message}` });
  return keys.flatMap((key) => describeKey(key, path));
}

function describeKey(key: KeyObject, path: string): readonly Described[] {
  const answer = readPublicKey(key.export({ type: 'spki', format: 'der' }));
  if (!answer.ok) throw CliError.from({ ...answer.error, message: `${path}: ${answer.error.message}` });
  return answer.certificates;
}

type Form = 'pkcs8' | 'sec1' | 'pkcs1' | 'pkcs1-public';

/** The labels of RFC 7468 and of OpenSSL's traditional formats. */
const FORMS: Readonly<Record<string, Form>> = {
  'PRIVATE KEY': 'pkcs8',
  'ENCRYPTED PRIVATE KEY': 'pkcs8',
  'EC PRIVATE KEY': 'sec1',
  'RSA PRIVATE KEY': 'pkcs1',
  'RSA PUBLIC KEY': 'pkcs1-public',
};

const BLOCK = /^[ \t]*-----BEGIN ([A-Z0-9 ]+)-----[ \t]*\r?\n([\s\S]*?)^[ \t]*-----END \1-----/gm;

function fromPem(file: Buffer, path: string): readonly KeyObject[] {
  const keys: KeyObject[] = [];
  for (const [, label = '', body = ''] of file.toString('latin1').matchAll(BLOCK)) {
    if (label === 'OPENSSH PRIVATE KEY') throw openSsh(path);
    const form = FORMS[label];
    if (form === undefined) continue;
    if (/^Proc-Type: *4,ENCRYPTED/m.test(body)) throw encrypted(path);
    const lines = body.split('\n').filter((line) => !line.includes(': '));
    keys.push(publicHalf(Buffer.from(lines.join(''), 'base64'), form, path, label));
  }
  return keys;
}

function fromJwkOrDer(file: Buffer, path: string): readonly KeyObject[] {
  const start = file.toString('latin1', 0, 64);
  if (/^\s*\{/.test(start)) return [fromJwk(file, path)];
  if (/^(ssh|ecdsa|sk)-\S+ AAAA/.test(start)) throw openSsh(path);
  for (const form of ['pkcs8', 'sec1', 'pkcs1', 'pkcs1-public'] as const) {
    try {
      return [publicHalf(file, form, path, 'key')];
    } catch (error) {
      if (error instanceof CliError && error.code === 'key-encrypted') throw error;
    }
  }
  return [];
}

function fromJwk(file: Buffer, path: string): KeyObject {
  try {
    return createPublicKey({ key: JSON.parse(file.toString('utf8')), format: 'jwk' });
  } catch {
    throw new CliError(
      'key-unreadable',
      `${path} is no JWK of a public or private key`,
      'give an EC, OKP or RSA key',
    );
  }
}

function publicHalf(der: Buffer, form: Form, path: string, label: string): KeyObject {
  try {
    if (form === 'pkcs1-public') return createPublicKey({ key: der, format: 'der', type: 'pkcs1' });
    return createPublicKey(createPrivateKey({ key: der, format: 'der', type: form }));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MISSING_PASSPHRASE') throw encrypted(path);
    throw new CliError(
      'key-unreadable',
      `${path}: the ${label} is damaged, or of a kind that Node ${process.version} cannot read`,
      `try to take its public half: ${piped('openssl pkey -pubout -in', path)}`,
    );
  }
}

/** A command for a shell that makes a SubjectPublicKeyInfo of a key that cannot be read as it is. */
function piped(command: string, path: string): string {
  const quoted = /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
  return `\`${command} ${path === STANDARD_INPUT ? 'FILE' : quoted} | ${PROGRAM} hash --key -\``;
}

function encrypted(path: string): CliError {
  const advice = piped('openssl pkey -pubout -in', path);
  return new CliError(
    'key-encrypted',
    `${path}: the private key is encrypted`,
    `take its public half: ${advice}`,
  );
}

function openSsh(path: string): CliError {
  const advice = piped('ssh-keygen -e -m PKCS8 -f', path);
  return new CliError(
    'key-openssh',
    `${path}: the key is in OpenSSH's own format`,
    `convert it (RSA or ECDSA): ${advice}`,
  );
}
