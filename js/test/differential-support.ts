/** The public key of a certificate as four readers have it: ours where it judges and where it prints, openssl, Node. */
import { execFile } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { loadAddon } from '../node/addon.js';
import { childrenOf } from './der.js';
import { WRONG_PIN } from './testbed.js';

const loaded = loadAddon();
if (!loaded.ok) throw new Error(loaded.error.message);
export const { addon } = loaded;

/** What a reader makes of a certificate: the pin, or null if it refuses. */
export interface Reading {
  /** What a handshake is judged by. */
  readonly judged: string | null;
  /** What the command `hash` prints. */
  readonly hashed: string | null;
  readonly openssl: string | null;
  readonly node: string | null;
}

/** A certificate and where it is from. */
export interface Sample {
  readonly name: string;
  readonly der: Buffer;
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('base64');
}

/** One certificate by the walk that judges handshakes. */
export function judgedPin(der: Buffer): string | null {
  const document = JSON.stringify({ 'a.test': { publicKeyHashes: [WRONG_PIN] } });
  const verdict = JSON.parse(addon.evaluateDocument(document, 'a.test', [der]));
  if (verdict.servedPins.length === 0) {
    if (verdict.verdict !== 'blocked' || verdict.reason !== 'unparsable-chain')
      throw new Error(verdict.reason);
    return null;
  }
  return verdict.servedPins[0];
}

/** Every certificate of a PEM or DER file by the command `hash`; null if it refuses the file. */
export function hashedPins(file: Buffer): string[] | null {
  const answer = JSON.parse(addon.readCertificates(file));
  return answer.ok ? answer.certificates.map(({ pin }: { pin: string }) => pin) : null;
}

/** What OpenSSL, as it is in Node, verifies signatures of the certificate's key with. */
export function nodeKey(der: Buffer): X509Certificate['publicKey'] | null {
  try {
    return new X509Certificate(der).publicKey;
  } catch {
    return null;
  }
}

/** Runs openssl over bytes; null if it refuses them. */
export function openssl(args: readonly string[], input: Buffer): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const child = execFile('openssl', args, { maxBuffer: 1 << 24 }, (error, stdout) => {
      if ((error as NodeJS.ErrnoException | null)?.code === 'ENOENT') reject(error);
      else resolve(error === null ? stdout : null);
    });
    child.stdin?.on('error', () => {}).end(input);
  });
}

async function opensslPin(der: Buffer): Promise<string | null> {
  const pem = await openssl(['x509', '-inform', 'der', '-noout', '-pubkey'], der);
  return pem === null ? null : sha256(Buffer.from(pem.replaceAll(/-----[^-]+-----/g, ''), 'base64'));
}

/**
 * The bytes that stand in the certificate where X.509 has the key. Openssl and Node cannot say: they make them anew out of the
 * key that they have read.
 */
export function keyBytes(der: Buffer): Buffer {
  const [tbs = der] = childrenOf(der);
  const sequences = childrenOf(tbs).filter((child) => child[0] === 0x30);
  const spki = sequences[4]; // after signature, issuer, validity, subject
  if (spki === undefined) throw new Error('a certificate with less in it than it must have');
  return spki;
}

/** Every sample by every reader, some processes at a time. */
export async function readAll(samples: readonly Sample[]): Promise<Map<Sample, Reading>> {
  const readings = new Map<Sample, Reading>();
  const waiting = [...samples];
  const work = async () => {
    for (let sample = waiting.shift(); sample !== undefined; sample = waiting.shift()) {
      const { der } = sample;
      readings.set(sample, {
        judged: judgedPin(der),
        hashed: hashedPins(der)?.[0] ?? null,
        openssl: await opensslPin(der),
        node: nodePin(der),
      });
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return readings;
}

function nodePin(der: Buffer): string | null {
  const key = nodeKey(der);
  return key === null ? null : sha256(key.export({ type: 'spki', format: 'der' }));
}
