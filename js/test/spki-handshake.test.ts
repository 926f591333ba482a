/**
 * The key that we hash is the key that the TLS stack verifies with, however a certificate is put together. Whoever can have a
 * certificate made for a key of theirs, with a pinned key (which is public) somewhere else in it, must not pass for its owner.
 */
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import tls from 'node:tls';
import { disableSslPinning, initializeSslPinning, SslPinningError } from '../node/index.js';
import * as der from './der.js';
import { judgedPin, nodeKey, sha256 } from './differential-support.js';

const { element, indefinite, padded, sequence } = der;
/** So that the last three bits can be left out. */
function keyThatEndsInZeros() {
  for (;;) {
    const key = newKey();
    if (((der.spkiOf(key.publicKey).at(-1) ?? 0) & 7) === 0) return key;
  }
}

const HOST = 'odd.test';
const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
/** The server's own, and the pinned one that it does not have. */
const [root, own, pinned] = [newKey(), keyThatEndsInZeros(), newKey()];
const [ownSpki, pinnedSpki] = [der.spkiOf(own.publicKey), der.spkiOf(pinned.publicKey)];
const AUTHORITY = [der.extension('2.5.29.19', sequence(element(0x01, Buffer.from([0xff]))))];
const authority = der.certificate(
  der.partsFor('Root', 'Root', der.spkiOf(root.publicKey), AUTHORITY),
  root.privateKey,
);

type Change = (parts: der.Parts) => Partial<der.Parts>;
const [algorithm = ownSpki, bits = ownSpki] = der.childrenOf(ownSpki);
const [, pinnedBits = pinnedSpki] = der.childrenOf(pinnedSpki);
const identifiers = der.childrenOf(algorithm);
const point = bits.subarray(3);
const pieces = (last: (piece: Buffer) => Buffer) =>
  element(0x23, der.bitString(point.subarray(0, 20)), last(point.subarray(20)));
const spki =
  (subjectPublicKeyInfo: Buffer): Change =>
  () => ({ subjectPublicKeyInfo });
const inside = (parent: Buffer, ...more: Buffer[]) =>
  element(parent[0] ?? 0, ...der.childrenOf(parent), ...more);

/**
 * What is changed of a good certificate, and what comes of it: `agree`, both have the server's key; `refuse`, the stack takes
 * it and we block; `stack`, OpenSSL itself does not take it.
 */
const CHANGES: Readonly<Record<string, readonly ['agree' | 'refuse' | 'stack', Change]>> = {
  nothing: ['agree', () => ({})],
  'the serial number is zero': ['agree', () => ({ serialNumber: der.integer(0) })],
  'the serial number is negative': ['agree', () => ({ serialNumber: der.integer(0x80) })],
  'the serial number has 200 octets': ['agree', () => ({ serialNumber: der.integer(...Array(200).fill(1)) })],
  'unique identifiers': [
    'agree',
    () => ({
      uniqueIds: Buffer.concat([0x81, 0x82].map((tag) => element(tag, Buffer.from([0]), pinnedSpki))),
    }),
  ],
  'the pinned key is an extension': [
    'agree',
    (parts) => ({
      extensions: element(
        0xa3,
        inside(der.childrenOf(parts.extensions)[0] ?? sequence(), der.extension('1.2.3.4', pinnedSpki)),
      ),
    }),
  ],
  'an extension of 60,000 octets': [
    'agree',
    (parts) => ({
      extensions: element(
        0xa3,
        inside(
          der.childrenOf(parts.extensions)[0] ?? sequence(),
          der.extension('1.2.3.4', Buffer.alloc(60_000)),
        ),
      ),
    }),
  ],
  'the pinned key is in the subject': [
    'agree',
    () => ({
      subject: sequence(der.set(sequence(der.oid('2.5.4.3'), element(0x14, pinnedSpki)))),
    }),
  ],
  'the pinned key stands before': ['stack', spki(Buffer.concat([pinnedSpki, ownSpki]))],
  'the pinned key stands after': ['stack', spki(Buffer.concat([ownSpki, pinnedSpki]))],
  'the pinned key is inside the key': ['stack', spki(sequence(algorithm, bits, pinnedSpki))],
  'two keys in one': ['stack', spki(sequence(algorithm, pinnedBits, bits))],
  'the algorithm has the pinned key too': ['stack', spki(sequence(inside(algorithm, pinnedSpki), bits))],
  'the key in a constructed bit string': ['refuse', spki(sequence(algorithm, element(0x23, bits)))],
  'the key in two bit strings, as BER has it': ['stack', spki(sequence(algorithm, pieces(der.bitString)))],
  'the key in two pieces, as OpenSSL has it': [
    'refuse',
    spki(
      sequence(
        algorithm,
        pieces((piece) => element(0x03, piece)),
      ),
    ),
  ],
  'the key in pieces of indefinite length': [
    'refuse',
    spki(sequence(algorithm, indefinite(0x23, der.bitString(point)))),
  ],
  'bits of the key do not count': ['agree', spki(sequence(algorithm, der.bitString(point, 3)))],
  'the key is of indefinite length': ['refuse', spki(indefinite(0x30, algorithm, bits))],
  'the algorithm is of indefinite length': ['refuse', spki(sequence(indefinite(0x30, ...identifiers), bits))],
  'the key has a length of three digits': ['refuse', spki(padded(0x30, algorithm, bits))],
  'the algorithm has a length of three digits': [
    'refuse',
    spki(sequence(padded(0x30, ...identifiers), bits)),
  ],
  'the bits have a length of three digits': [
    'refuse',
    spki(sequence(algorithm, padded(0x03, Buffer.from([0]), point))),
  ],
  'the subject is of indefinite length': [
    'refuse',
    (parts) => ({ subject: indefinite(0x30, ...der.childrenOf(parts.subject)) }),
  ],
  'the extensions are of indefinite length': [
    'refuse',
    (parts) => ({ extensions: indefinite(0xa3, ...der.childrenOf(parts.extensions)) }),
  ],
  'the version is written though it is the first': [
    'agree',
    () => ({ version: element(0xa0, der.integer(0)) }),
  ],
  'there is no version': ['agree', () => ({ version: Buffer.alloc(0), extensions: Buffer.alloc(0) })],
  'the extensions twice': [
    'stack',
    ({ extensions }) => ({ extensions: Buffer.concat([extensions, extensions]) }),
  ],
  'unique identifiers twice': [
    'stack',
    () => ({ uniqueIds: Buffer.concat([0x81, 0x81].map((tag) => element(tag, Buffer.from([0])))) }),
  ],
  'something after the extensions': [
    'stack',
    ({ extensions }) => ({ extensions: Buffer.concat([extensions, pinnedSpki]) }),
  ],
};

after(() => disableSslPinning());

/** What a client comes to that pins `pin`: `secure`, the reason of our refusal, or null if OpenSSL refuses. */
async function connect(pin: string, chain: readonly Buffer[], { privateKey } = own): Promise<string | null> {
  await initializeSslPinning({ [HOST]: { publicKeyHashes: [pin] } });
  let server: tls.Server;
  try {
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
    const cert = chain.map((certificate) => der.pem(certificate)).join('');
    server = tls.createServer({ key, cert }, (socket) => socket.on('error', () => {}));
  } catch {
    return null;
  }
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const anyName = { checkServerIdentity: () => undefined };
  const target = { port, host: '127.0.0.1', servername: HOST, ca: der.pem(authority), ...anyName };
  const socket = tls.connect(target);
  try {
    await once(socket, 'secureConnect');
    return 'secure';
  } catch (error) {
    return error instanceof SslPinningError ? error.reason : null;
  } finally {
    socket.destroy();
    server.close();
  }
}

function changed(change: Change): Buffer {
  const parts = der.partsFor(HOST, 'Root', ownSpki);
  return der.certificate({ ...parts, ...change(parts) }, root.privateKey);
}

for (const [name, [expected, change]] of Object.entries(CHANGES)) {
  test(`a handshake is judged by the key that it was made with, though ${name}`, async () => {
    const certificate = changed(change);
    const pin = judgedPin(certificate);
    if (pin !== null) assert.ok(expected !== 'agree' || keyOf(certificate, pin)?.equals(own.publicKey), name);
    const asOwner = await connect(pin ?? sha256(ownSpki), [certificate]);
    const asPinned = await connect(sha256(pinnedSpki), [certificate]);
    const outcome = { agree: 'secure', refuse: 'unparsable-chain', stack: null }[expected];
    const refused = expected === 'agree' ? 'no-pin-matched' : outcome;
    assert.deepEqual([asOwner, asPinned], [outcome, refused]);
  });
}

/** The same changes in the certificate of an authority between the root and a good leaf. */
test('no odd certificate of an authority has a pin count that is not that of its key', async () => {
  const leaf = newKey();
  const certificate = der.certificate(
    der.partsFor(HOST, 'Authority', der.spkiOf(leaf.publicKey)),
    own.privateKey,
  );
  const parts = der.partsFor('Authority', 'Root', ownSpki, AUTHORITY);
  const outcomes: Record<string, number> = {};
  for (const [name, [, change]] of Object.entries(CHANGES)) {
    const odd = der.certificate({ ...parts, ...change(parts) }, root.privateKey);
    const asOwner = await connect(judgedPin(odd) ?? sha256(ownSpki), [certificate, odd], leaf);
    const asPinned = await connect(sha256(pinnedSpki), [certificate, odd], leaf);
    assert.notEqual(asPinned, 'secure', name);
    assert.equal(asPinned === null, asOwner === null, `${name}: OpenSSL takes the chain or does not`);
    outcomes[asOwner ?? 'OpenSSL refuses'] = (outcomes[asOwner ?? 'OpenSSL refuses'] ?? 0) + 1;
    // webpki has to prove the chain too. What it cannot, though OpenSSL can, ends the path: that pin does not count.
    const strict = ['secure', 'no-pin-matched', 'unparsable-chain', null];
    assert.ok(strict.includes(asOwner), `${name}: ${asOwner}`);
  }
  console.log(JSON.stringify(outcomes));
  assert.ok((outcomes.secure ?? 0) >= 4 && (outcomes['no-pin-matched'] ?? 0) >= 8, JSON.stringify(outcomes));
});

/** A small random generator (xorshift), so that a failure can be repeated. */
function random(seed: number): (end: number) => number {
  let state = seed;
  return (end) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % Math.max(end, 1);
  };
}

/** Where the elements of a certificate begin, each with the way to it. */
function* elementsOf(whole: Buffer, path: readonly number[] = []): Generator<readonly number[]> {
  yield path;
  if (((whole[0] ?? 0) & 0x20) === 0 || path.length > 4) return;
  for (const [index, child] of der.childrenOf(whole).entries()) yield* elementsOf(child, [...path, index]);
}

/** The certificate with the element at `path` made anew, and the lengths of all that contain it mended. */
function remade(whole: Buffer, [first, ...rest]: readonly number[], by: (old: Buffer) => Buffer): Buffer {
  if (first === undefined) return by(whole);
  const children = der.childrenOf(whole);
  children[first] = remade(children[first] ?? Buffer.alloc(0), rest, by);
  return element(whole[0] ?? 0, ...children);
}

/** The key in a certificate whose bytes have this pin. */
function keyOf(certificate: Buffer, pin: string): KeyObject | null {
  for (let at = certificate.indexOf(0x30); at !== -1; at = certificate.indexOf(0x30, at + 1)) {
    const bytes = certificate.subarray(at, der.extentOf(certificate, at).end);
    if (sha256(bytes) === pin) return createPublicKey({ key: bytes, type: 'spki', format: 'der' });
  }
  return null;
}

/** A long run sets both: `SEED` is any number but zero. */
const { ROUNDS = 10_000, SEED = 0x5eed } = process.env;

test('no damaged certificate has another key for us than for OpenSSL', () => {
  const next = random(Number(SEED));
  const original = changed(CHANGES['unique identifiers']?.[1] ?? (() => ({})));
  const seen = { both: 0, onlyWe: 0, onlyOpenssl: 0, nobody: 0 };
  for (let round = 0; round < Number(ROUNDS); round++) {
    let damaged = original;
    for (let change = 0; change <= next(3); change++) {
      const paths = [...elementsOf(damaged)].slice(1);
      const path = paths[next(paths.length)] ?? [];
      const other = paths[next(paths.length)] ?? [];
      const another = () => other.reduce((at, index) => der.childrenOf(at)[index] ?? at, damaged);
      const content = (old: Buffer) => old.subarray(der.extentOf(old, 0).content);
      const ways: ((old: Buffer) => Buffer)[] = [
        () => Buffer.alloc(0),
        (old) => Buffer.concat([old, old]),
        another,
        (old) => Buffer.concat([pinnedSpki, old]),
        (old) => Buffer.concat([old, pinnedSpki]),
        () => pinnedSpki,
        (old) => padded(old[0] ?? 0, content(old)),
        (old) => indefinite(old[0] ?? 0, content(old)),
        (old) => element(0x23, old),
        (old) => element([0x30, 0xa0, 0xa3, 0x81, 0x82, 0x31, 0x24, 0x80][next(8)] ?? 0, content(old)),
        (old) => element(old[0] ?? 0, old),
      ];
      damaged = remade(damaged, path, ways[next(ways.length)] ?? another);
    }
    const byte = next(damaged.length * 3);
    if (byte < damaged.length) damaged = Buffer.from(damaged.with(byte, next(256)));
    const [pin, key] = [judgedPin(damaged), nodeKey(damaged)];
    seen[pin !== null ? (key !== null ? 'both' : 'onlyWe') : key !== null ? 'onlyOpenssl' : 'nobody'] += 1;
    if (pin === null || key === null) continue;
    const ours = keyOf(damaged, pin);
    assert.ok(ours?.equals(key), `round ${round}: ${damaged.toString('hex')}`);
  }
  console.log(`${ROUNDS} damaged certificates: ${JSON.stringify(seen)}`);
  for (const [who, count] of Object.entries(seen))
    assert.ok(count >= Number(ROUNDS) / 50, `${who}: ${count}`);
});
