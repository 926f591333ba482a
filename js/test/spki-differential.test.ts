/**
 * Our pins against those of openssl and of Node's `crypto.X509Certificate`: for the certificates that pyca/cryptography is
 * tested with, which once broke a parser or are nobody's idea of a certificate, and for generated ones.
 *
 * Where the readers differ, the certificate stands in a list with the reason. We may refuse what others accept: that blocks.
 * We may accept what they refuse: the stack that refuses it never asks us. We may not see another key than they do.
 */
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { cryptographyVectors } from '../../scripts/lib/tools.mjs';
import {
  bitString,
  certificate,
  extentOf,
  indefinite,
  oid,
  padded,
  partsFor,
  sequence,
  spkiOf,
} from './der.js';
import {
  addon,
  hashedPins,
  judgedPin,
  keyBytes,
  nodeKey,
  type Reading,
  readAll,
  type Sample,
  sha256,
} from './differential-support.js';
import { generatedSamples } from './generated-certificates.js';

const directory = await cryptographyVectors();
const files = readdirSync(directory, { recursive: true, encoding: 'utf8' })
  .filter((path) => statSync(join(directory, path)).isFile())
  .sort();

/** What the others make of a certificate that we judge by the bytes that it has. */
interface Disagreement {
  /** `refuse`, or `remake`: they read the key, and write it in another form than the certificate has it. */
  readonly others: 'refuse' | 'remake';
  /** Whether `hash` refuses it too; a handshake is judged all the same. */
  readonly noHash?: true;
  readonly why: string;
}

const UNKNOWN_KEY = 'OpenSSL does not know this kind of key; its bytes are where they always are';
const ODD_NAME = 'a name that is not well-formed; we do not look at names';

/** By file; also those that a later OpenSSL may come to read, which then has to agree. */
const DISAGREEMENTS: Readonly<Record<string, Disagreement>> = {
  'x509/e-trust.ru.der': { others: 'refuse', why: UNKNOWN_KEY },
  'x509/custom/unsupported_subject_public_key_info.pem': { others: 'refuse', why: UNKNOWN_KEY },
  'x509/PKITS_data/certs/DSAParametersInheritedCACert.crt': { others: 'refuse', why: UNKNOWN_KEY },
  'x509/PKITS_data/certs/ValidDSAParameterInheritanceTest5EE.crt': { others: 'refuse', why: UNKNOWN_KEY },
  'x509/custom/invalid_utf8_common_name.pem': { others: 'refuse', why: ODD_NAME },
  'x509/custom/long-form-name-attribute.pem': { others: 'refuse', why: ODD_NAME },
  'x509/custom/name_attribute_unsupported_tag.pem': { others: 'refuse', why: ODD_NAME },
  'x509/badasn1time.pem': {
    others: 'remake',
    noHash: true,
    why: 'a modulus without its leading zero, so negative, which OpenSSL mends; and dates that cannot be printed',
  },
};

/** The certificates of a PEM file, each as DER. */
function blocksOf(file: Buffer): Buffer[] {
  const blocks = file.toString('latin1').matchAll(/-----BEGIN (?:X509 )?CERTIFICATE-----([\s\S]*?)-----END/g);
  return [...blocks].map(([, base64 = '']) => Buffer.from(base64, 'base64'));
}

function certificatesOf(path: string): Sample[] {
  const file = readFileSync(join(directory, path));
  if (/\.(pem|crt|cer)$/.test(path) && file.includes('-----BEGIN ')) {
    return blocksOf(file).map((der, index) => ({
      name: index === 0 ? path : `${path} no. ${index + 1}`,
      der,
    }));
  }
  return /^x509.*\.(der|crt)$/.test(path) ? [{ name: path, der: file }] : [];
}

/** That all agree, or that nobody takes it for a certificate; null if neither. */
function agreement({ judged, hashed, openssl, node }: Reading): 'agree' | 'refuse' | null {
  if (judged !== hashed || judged !== openssl || judged !== node) return null;
  return judged === null ? 'refuse' : 'agree';
}

function publicKey(spki: Buffer): KeyObject {
  return createPublicKey({ key: spki, type: 'spki', format: 'der' });
}

/** Holds what is listed against what is. */
function assertDisagreement({ name, der }: Sample, reading: Reading, expected: Disagreement) {
  const { judged, hashed, openssl, node } = reading;
  const bytes = keyBytes(der);
  assert.equal(judged, sha256(bytes), `${name}: the bytes that it has are judged`);
  assert.equal(hashed, expected.noHash ? null : judged, `${name}: ${expected.why}`);
  for (const other of [openssl, node]) {
    if (expected.others === 'refuse') assert.ok(other === null || other === judged, `${name}: another key`);
    else assert.equal(other, sha256(spkiOf(publicKey(bytes))), `${name}: ${expected.why}`);
  }
}

const isPkits = (path: string) => path.startsWith('x509/PKITS_data/');

/** How many there are at least that all agree on, and that are no certificate to anybody; the listed ones are all met. */
async function assertAgreement(paths: readonly string[], least: { agree: number; refuse: number }) {
  const samples = paths.flatMap(certificatesOf);
  const count = { agree: 0, refuse: 0, listed: 0 };
  for (const [sample, reading] of await readAll(samples)) {
    const agreed = agreement(reading);
    const listed = DISAGREEMENTS[sample.name];
    if (listed !== undefined) assertDisagreement(sample, reading, listed);
    else assert.ok(agreed, `${sample.name}: ${JSON.stringify(reading)}`);
    count[listed === undefined ? (agreed ?? 'listed') : 'listed'] += 1;
  }
  console.log(JSON.stringify(count));
  assert.ok(count.agree >= least.agree && count.refuse >= least.refuse, JSON.stringify(count));
  assert.equal(count.listed, paths.filter((path) => path in DISAGREEMENTS).length);
}

test('every certificate of PKITS has the pin that openssl and Node say', async () => {
  await assertAgreement(files.filter(isPkits), { agree: 400, refuse: 0 });
});

test('every other certificate of pyca/cryptography has the pin that openssl and Node say', async () => {
  // Lists of revoked certificates, requests, answers of OCSP: in DER they are no less sequences than certificates are.
  const others = files.filter((path) => !isPkits(path));
  await assertAgreement(others, { agree: 125, refuse: 40 });
  for (const path of Object.keys(DISAGREEMENTS)) assert.ok(files.includes(path), `${path} is not there`);
});

test('nothing else of pyca/cryptography is taken for a certificate', () => {
  const others = files.filter((path) => /\.(crl|cp|p12|eml|key|csr)$/.test(path));
  for (const path of others) {
    const file = readFileSync(join(directory, path));
    assert.deepEqual([judgedPin(file), nodeKey(file)], [null, null], path);
  }
  assert.ok(others.length >= 1100, `${others.length} files`);
});

test('a PEM file has the pins of its certificates, in their order, and no more', () => {
  let several = 0;
  let certificates = 0;
  for (const path of files.filter((path) => /\.(pem|crt|cer|txt)$/.test(path))) {
    const file = readFileSync(join(directory, path));
    const blocks = blocksOf(file);
    if (blocks.length === 0) continue;
    const pins = blocks.map((der) => hashedPins(der)?.[0] ?? null);
    assert.deepEqual(hashedPins(file), pins.includes(null) ? null : pins, path);
    certificates += blocks.length;
    several += blocks.length > 1 ? 1 : 0;
  }
  assert.ok(certificates >= 120 && several >= 1, `${certificates} certificates, ${several} files of several`);
});

test('every kind of key that OpenSSL makes has the pin that openssl and Node say', async () => {
  const samples = await generatedSamples();
  for (const [{ name }, reading] of await readAll(samples)) {
    assert.equal(agreement(reading), 'agree', `${name}: ${JSON.stringify(reading)}`);
  }
  const counted = (kind: string) => samples.filter(({ name }) => name.startsWith(kind)).length;
  for (const [kind, least] of [
    ['RSA ', 15],
    ['RSA-PSS ', 4],
    ['EC named', 50],
    ['EC explicit', 50],
    ['openssl ', 8],
  ] as const)
    assert.ok(counted(kind) >= least, `${kind}: ${counted(kind)}`);
});

const signer = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const certificateOf = (spki: Buffer) => certificate(partsFor('a.test', 'Root', spki), signer);

/** The public keys among the files, and those of ML-DSA among the known answers, each as a SubjectPublicKeyInfo. */
function* publicKeys(): Generator<Sample> {
  for (const name of files.filter((path) => path.startsWith('asymmetric/'))) {
    const file = readFileSync(join(directory, name));
    if (/pub(lic_key)?[^/]*\.der$/.test(name)) yield { name, der: file };
    const blocks = file.toString('latin1').matchAll(/-----BEGIN PUBLIC KEY-----([\s\S]*?)-----END/g);
    for (const [, base64 = ''] of blocks) yield { name, der: Buffer.from(base64, 'base64') };
    const level = { 44: 17, 65: 18, 87: 19 }[/kat_MLDSA_(\d\d)/.exec(name)?.[1] ?? ''];
    if (level === undefined) continue;
    const algorithm = sequence(oid(`2.16.840.1.101.3.4.3.${level}`));
    for (const [, hex = ''] of file.toString('latin1').matchAll(/^pk = ([0-9a-fA-F]+)/gm)) {
      yield {
        name: `${name}, ${hex.slice(0, 8)}`,
        der: sequence(algorithm, bitString(Buffer.from(hex, 'hex'))),
      };
    }
  }
}

test('every public key of pyca/cryptography has the pin of its bytes, also in a certificate', () => {
  const count = { known: 0, unknown: 0, refused: 0 };
  for (const { name, der } of publicKeys()) {
    const described = JSON.parse(addon.readPublicKey(der));
    const pins = [judgedPin(certificateOf(der)), described.ok ? described.certificates[0].pin : null];
    const key = nodeKey(certificateOf(der));
    if (pins[0] === null) {
      assert.deepEqual([pins[1], key], [null, null], `${name} is no SubjectPublicKeyInfo to anybody`);
      count.refused += 1;
      continue;
    }
    // Bits that do not count, and are set all the same: OpenSSL mends them, and `hash` says that the file is damaged.
    const isDamaged = name.endsWith('dsa_public_key_invalid_bit_string.der');
    assert.deepEqual(pins, [sha256(der), isDamaged ? null : sha256(der)], name);
    if (key !== null) assert.ok(key.equals(publicKey(der)), name);
    if (name.includes('MLDSA')) assert.match(described.certificates[0].keyAlgorithm, /^ML-DSA-(44|65|87)$/);
    count[key === null ? 'unknown' : 'known'] += 1;
  }
  // What OpenSSL does not know, ML-DSA before its version 3.5 for one, counts among the unknown.
  console.log(JSON.stringify(count));
  assert.ok(count.known >= 45 && count.known + count.unknown >= 340, JSON.stringify(count));
});

test('what OpenSSL takes and is not DER, or more than one certificate, is refused, which blocks', async () => {
  const good = certificateOf(spkiOf(createPublicKey(signer)));
  const content = good.subarray(extentOf(good, 0).content);
  const samples = [
    { name: 'a length of three digits', der: padded(0x30, content) },
    { name: 'an indefinite length', der: indefinite(0x30, content) },
    { name: 'a zero after it', der: Buffer.concat([good, Buffer.from([0])]) },
    { name: 'another certificate after it', der: Buffer.concat([good, good]) },
  ];
  for (const [{ name }, { judged, hashed, openssl, node }] of await readAll(samples)) {
    assert.deepEqual([judged, hashed], [null, null], name);
    assert.ok(openssl !== null && openssl === node, `${name}: there is nothing to refuse`);
  }
});
