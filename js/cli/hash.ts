import {
  type Described,
  probe,
  type Reader,
  readCertificates,
  readCsr,
  type ServedCertificate,
} from './addon.js';
import { adviceForCertificates, adviceForKeys, adviceForServer } from './advice.js';
import type { Arguments } from './args.js';
import { asJson, describe } from './certificates.js';
import type { Command, Result } from './command.js';
import { CliError, EXIT, usageError } from './errors.js';
import { inputName, readInput } from './files.js';
import { describeKeys } from './keys.js';
import { paragraph, printable, type Style } from './output.js';
import { misplacedProbeOption, PROBE_OPTIONS, probeSettings } from './probing.js';
import { parseTarget } from './target.js';

/** Pins of a live server, of certificates, of keys and of signing requests. */
export const hash: Command = {
  name: 'hash',
  summary: 'the pins of a live server, a certificate, a key or a signing request',
  usage: [
    'hash HOST[:PORT] [--connect ADDR[:PORT]] [--ca FILE] [--timeout SECONDS]',
    'hash --cert FILE | --key FILE | --csr FILE',
  ],
  about: [
    'FILE is PEM or DER, - is standard input. Every certificate of a PEM file is printed. A key may be public or ' +
      'private (PKCS #8, PKCS #1, SEC 1, JWK); a private key is read for its public half only and goes nowhere.',
    'A pin is the SHA-256 of the public key (SubjectPublicKeyInfo) in base64: what `openssl x509 -pubkey | openssl ' +
      'pkey -pubin -outform der | openssl dgst -sha256 -binary | base64` prints.',
    'Exit code 1: the server answers, but its chain is not valid. 2: there is no answer, or no such file.',
  ],
  options: {
    ...PROBE_OPTIONS,
    cert: { value: 'FILE', help: 'hash the certificates of a file' },
    key: { value: 'FILE', help: 'hash the key of a file' },
    csr: { value: 'FILE', help: 'hash the certificate signing request of a file' },
  },
  async run(args) {
    const sources = ['cert', 'key', 'csr'].filter((name) => args.has(name));
    if (sources.length + args.operands.length !== 1) {
      const what = sources.length + args.operands.length === 0 ? 'nothing' : 'more than one thing';
      throw usageError(
        `there is ${what} to hash`,
        'name one: HOST[:PORT], --cert FILE, --key FILE or --csr FILE',
      );
    }
    const [host] = args.operands;
    if (host !== undefined) return hashServer(host, args);
    const misplaced = misplacedProbeOption(args);
    if (misplaced !== undefined) {
      throw usageError(`--${misplaced} is of use with a HOST only`, `leave --${misplaced} out`);
    }
    return hashFile(sources[0] as 'cert' | 'key' | 'csr', args);
  },
};

async function hashServer(text: string, args: Arguments): Promise<Result> {
  const target = parseTarget(text);
  const settings = probeSettings(args);
  const { connect, caFile } = settings;
  const answer = await probe({ ...target, ...settings });
  if (!answer.ok) {
    // That nobody vouches for the server is a verdict; that it cannot be asked is none.
    throw CliError.from(
      answer.error,
      answer.error.code.startsWith('certificate-') ? EXIT.against : EXIT.unusable,
    );
  }
  const { certificates, tlsVersion } = answer;
  const place = `${target.host.includes(':') ? `[${target.host}]` : target.host}:${target.port}`;
  const server =
    `${place}${connect === null ? '' : ` (at ${printable(connect)})`} speaks ${tlsVersion.replace('TLSv', 'TLS ')}; ` +
    `its chain is valid${caFile === null ? '' : ` under ${printable(caFile)}`}.`;
  return result(certificates, (style) => [
    paragraph(server),
    ...certificates.map((certificate) => describe(certificate.role, certificate, style)),
    adviceForServer(target.host, certificates, style, caFile !== null),
  ]);
}

async function hashFile(kind: 'cert' | 'key' | 'csr', args: Arguments): Promise<Result> {
  const path = args.value(kind) ?? '';
  const name = inputName(path);
  const file = await readInput(path, { cert: 'certificates', key: 'key', csr: 'signing request' }[kind]);
  if (kind === 'cert') {
    const certificates = read(readCertificates, file, name);
    const title = (index: number) => (certificates.length === 1 ? 'certificate' : `no. ${index + 1}`);
    return result(certificates, (style) => [
      ...certificates.map((certificate, index) => describe(title(index), certificate, style)),
      adviceForCertificates(certificates, style),
    ]);
  }
  const keys = kind === 'key' ? describeKeys(file, name) : read(readCsr, file, name);
  const title = kind === 'key' ? 'key' : 'request';
  return result(keys, (style) => [...keys.map((key) => describe(title, key, style)), adviceForKeys(keys)]);
}

function read(reader: Reader, file: Buffer, name: string): readonly Described[] {
  const answer = reader(file);
  if (!answer.ok) throw CliError.from({ ...answer.error, message: `${name}: ${answer.error.message}` });
  return answer.certificates;
}

function result(
  certificates: readonly (Described | ServedCertificate)[],
  parts: (style: Style) => string[],
): Result {
  return {
    exitCode: EXIT.good,
    json: { certificates: certificates.map(asJson) },
    human: (style) => parts(style).join('\n\n'),
  };
}
