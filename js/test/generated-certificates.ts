/** Certificates of every kind of key that Node or openssl can make. */
import { createPublicKey, generateKeyPairSync, getCurves, type KeyObject, randomBytes } from 'node:crypto';
import { certificate, partsFor, spkiOf } from './der.js';
import { openssl, type Sample } from './differential-support.js';

/** Its types leave out parameters of RSA-PSS, and DH. */
const keyPair = generateKeyPairSync as unknown as (type: string, options: object) => { publicKey: KeyObject };
const signer = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

function certified(name: string, key: KeyObject): Sample {
  return { name, der: certificate(partsFor('a.test', 'Root', spkiOf(key)), signer) };
}

/** A public key of RSA that nobody has the private half of: those of 8192 bits take seconds to make. */
function rsaPublicKey(bits: number, exponent: readonly number[]): KeyObject {
  const modulus = randomBytes(Math.ceil(bits / 8));
  const first = ((modulus[0] ?? 0) | 0x80) >> (modulus.length * 8 - bits);
  modulus[0] = first;
  modulus[modulus.length - 1] = (modulus.at(-1) ?? 0) | 1;
  const [n, e] = [modulus, Buffer.from(exponent)].map((digits) => digits.toString('base64url'));
  return createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' });
}

function* keys(): Generator<[string, KeyObject]> {
  for (const bits of [1024, 1025, 1031, 2048, 2049, 3072, 4096, 7680, 8192]) {
    yield [`RSA ${bits}`, rsaPublicKey(bits, [1, 0, 1])];
  }
  const exponents = [[3], [17], [0x80], [0xff], [1, 0, 0, 0, 1], [1, ...new Array(31).fill(0), 1]];
  for (const exponent of exponents) yield [`RSA 2048 e=${exponent}`, rsaPublicKey(2048, exponent)];
  const pss = { modulusLength: 1024 };
  yield ['RSA-PSS without parameters', keyPair('rsa-pss', pss).publicKey];
  for (const [hashAlgorithm, saltLength] of [
    ['sha1', 20],
    ['sha256', 32],
    ['sha512', 0],
  ] as const) {
    const parameters = { ...pss, hashAlgorithm, mgf1HashAlgorithm: hashAlgorithm, saltLength };
    yield [`RSA-PSS ${hashAlgorithm}`, keyPair('rsa-pss', parameters).publicKey];
  }
  for (const namedCurve of getCurves()) {
    for (const paramEncoding of ['named', 'explicit'] as const) {
      // The curves of IKE have no object identifier, by which a key could name them.
      if (paramEncoding === 'named' && namedCurve.startsWith('Oakley-')) continue;
      yield [
        `EC ${paramEncoding} ${namedCurve}`,
        generateKeyPairSync('ec', { namedCurve, paramEncoding }).publicKey,
      ];
    }
  }
  yield ['Ed25519', generateKeyPairSync('ed25519').publicKey];
  yield ['Ed448', generateKeyPairSync('ed448').publicKey];
  yield ['X25519', generateKeyPairSync('x25519').publicKey];
  yield ['X448', generateKeyPairSync('x448').publicKey];
  yield ['DSA', generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 }).publicKey];
  yield ['DH', keyPair('dh', { group: 'modp14' }).publicKey];
}

/** What openssl writes by itself, signed by the key of the certificate. */
async function* byOpenssl(): AsyncGenerator<Sample> {
  const p256 = '-newkey ec -pkeyopt ec_paramgen_curve:P-256';
  const many = Array.from({ length: 2000 }, (_, index) => `DNS:host-${index}.a.test`).join(',');
  for (const [name, more] of [
    ['P-256', p256],
    ['RSA', '-newkey rsa:1024'],
    ['RSA-PSS', '-newkey rsa-pss -pkeyopt rsa_keygen_bits:1024 -sigopt rsa_pss_saltlen:20'],
    ['explicit', `${p256} -pkeyopt ec_param_enc:explicit`],
    ['Ed25519', '-newkey ed25519'],
    ['Ed448', '-newkey ed448'],
    ['a long serial number', `${p256} -set_serial 0x${'7f'.repeat(20)}`],
    ['a longer one than RFC 5280 allows', `${p256} -set_serial 0x${'ff'.repeat(40)}`],
    ['a negative serial number', `${p256} -set_serial -1234567890123`],
    ['2000 names', `${p256} -addext subjectAltName=${many}`],
    ['a big extension', `${p256} -addext 1.2.3.4=ASN1:UTF8:${'x'.repeat(50_000)}`],
  ] as const) {
    const args = `req -x509 -nodes -keyout /dev/null -subj /CN=a.test -outform der ${more}`.split(' ');
    const der = await opensslDer(args);
    if (der === null) throw new Error(`openssl makes no ${name}`);
    yield { name: `openssl ${name}`, der };
  }
}

/** Made of bytes that travel as text: PEM. */
async function opensslDer(args: readonly string[]): Promise<Buffer | null> {
  const text = await openssl(args.with(args.indexOf('der'), 'pem'), Buffer.alloc(0));
  const [, base64] = /-----BEGIN CERTIFICATE-----([\s\S]*?)-----END/.exec(text ?? '') ?? [];
  return base64 === undefined ? null : Buffer.from(base64, 'base64');
}

/** All of them. */
export async function generatedSamples(): Promise<Sample[]> {
  const samples = [...keys()].map(([name, key]) => certified(name, key));
  for await (const sample of byOpenssl()) samples.push(sample);
  return samples;
}
