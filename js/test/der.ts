/** As much DER as it takes to write certificates that no tool would. */
import { type KeyObject, sign } from 'node:crypto';

/** One element, with its length in as few bytes as DER has it. */
export function element(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  return Buffer.concat([header(tag, content.length), content]);
}

function header(tag: number, length: number): Buffer {
  if (length < 0x80) return Buffer.from([tag, length]);
  const digits = Buffer.from(length.toString(16).padStart(length > 0xff ? 4 : 2, '0'), 'hex');
  if (length > 0xffff) throw new Error('longer than any certificate here');
  return Buffer.from([tag, 0x80 | digits.length, ...digits]);
}

/** One element whose length has a digit more than it needs, which is BER and not DER. */
export function padded(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag, 0x83, 0, content.length >> 8, content.length & 0xff]), content]);
}

/** One element of indefinite length, which is BER and not DER. */
export function indefinite(tag: number, ...contents: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from([tag, 0x80]), ...contents, Buffer.from([0, 0])]);
}

export const sequence = (...contents: readonly Buffer[]) => element(0x30, ...contents);
export const set = (...contents: readonly Buffer[]) => element(0x31, ...contents);
export const integer = (...digits: readonly number[]) => element(0x02, Buffer.from(digits));
export const bitString = (bytes: Buffer, unused = 0) => element(0x03, Buffer.from([unused]), bytes);
export const octetString = (...contents: readonly Buffer[]) => element(0x04, ...contents);

/** An object identifier. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...others] = dotted.split('.').map(Number);
  const septets = (value: number): number[] => {
    const digits = [value % 128];
    for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128))
      digits.unshift(0x80 | (rest % 128));
    return digits;
  };
  return element(0x06, Buffer.from([first * 40 + second, ...others.flatMap(septets)]));
}

/** A distinguished name of a common name alone. */
export function name(commonName: string): Buffer {
  return sequence(set(sequence(oid('2.5.4.3'), element(0x0c, Buffer.from(commonName)))));
}

/** An extension, not critical. */
export function extension(type: string, value: Buffer): Buffer {
  return sequence(oid(type), octetString(value));
}

/** A subject alternative name, and that it is a server. */
export const forServer = (host: string) => [
  extension('2.5.29.17', sequence(element(0x82, Buffer.from(host)))),
  extension('2.5.29.37', sequence(oid('1.3.6.1.5.5.7.3.1'))),
];

const ECDSA_SHA256 = sequence(oid('1.2.840.10045.4.3.2'));
const time = (text: string) => element(0x17, Buffer.from(text));

/** The parts of a TBSCertificate (RFC 5280 §4.1) in their order, for a test to take out, double or spoil. */
export interface Parts {
  version: Buffer;
  serialNumber: Buffer;
  signature: Buffer;
  issuer: Buffer;
  validity: Buffer;
  subject: Buffer;
  subjectPublicKeyInfo: Buffer;
  /** The unique identifiers, of which there are mostly none. */
  uniqueIds: Buffer;
  extensions: Buffer;
}

/** Those of a certificate for `subject`. */
export function partsFor(
  subject: string,
  issuer: string,
  spki: Buffer,
  extensions: readonly Buffer[] = forServer(subject),
): Parts {
  return {
    version: element(0xa0, integer(2)),
    serialNumber: integer(1, 2, 3, 4),
    signature: ECDSA_SHA256,
    issuer: name(issuer),
    validity: sequence(time('200101000000Z'), time('491231235959Z')),
    subject: name(subject),
    subjectPublicKeyInfo: spki,
    uniqueIds: Buffer.alloc(0),
    extensions: element(0xa3, sequence(...extensions)),
  };
}

/** The certificate of these parts, signed by a key of P-256. */
export function certificate(parts: Parts, key: KeyObject, wrap = sequence): Buffer {
  const tbs = wrap(...Object.values(parts));
  return sequence(tbs, ECDSA_SHA256, bitString(sign('sha256', tbs, key)));
}

/** The elements inside of an element whose length is definite, each with its header. */
export function childrenOf(der: Buffer): Buffer[] {
  const children: Buffer[] = [];
  const { content, end } = extentOf(der, 0);
  for (let at = content; at < end; ) {
    const child = extentOf(der, at);
    children.push(der.subarray(at, child.end));
    at = child.end;
  }
  return children;
}

/** Where the content of the element at `at` begins, and where it ends: not beyond the bytes that there are. */
export function extentOf(der: Buffer, at: number): { content: number; end: number } {
  const first = der[at + 1] ?? 0;
  const digits = first < 0x80 ? 0 : Math.min(first & 0x7f, der.length - at - 2, 6);
  const length = digits > 0 ? der.readUIntBE(at + 2, digits) : first & 0x7f;
  const content = at + 2 + digits;
  return { content, end: Math.min(content + length, der.length) };
}

/** A PEM block. */
export function pem(der: Buffer, label = 'CERTIFICATE'): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** The SubjectPublicKeyInfo of a key. */
export function spkiOf(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}
