import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { adviceForServer } from '../cli/advice.js';
import { styleFor } from '../cli/output.js';
import { cli } from './cli-support.js';
import { startTestbed } from './testbed.js';
import { Workspace } from './workspace.js';

const workspace = new Workspace();
const testbed = await startTestbed();
const MEMBERS = ['pin', 'subject', 'issuer', 'notBefore', 'notAfter', 'keyAlgorithm'];

function hostOf(name: string) {
  return testbed.host(name);
}

function hashOf(name: string, ...more: string[]) {
  const { host, port } = hostOf(name);
  return cli(['hash', `${host}:${port}`, '--connect', '127.0.0.1', '--ca', testbed.document.caFile, ...more]);
}

/** The pins of a chain file by the pipeline of openssl commands. */
function pinsByOpenssl(file: string): string[] {
  const blocks = readFileSync(file, 'utf8').match(/-----BEGIN[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((pem) => workspace.pinOfCertificate(pem));
}

test('a live chain has the pins that openssl says, leaf to root, whatever the key', async () => {
  for (const name of [
    'leaf',
    'intermediate',
    'root',
    'rsa2048',
    'rsa4096',
    'p256',
    'p384',
    'ed25519',
    'tickets12',
  ]) {
    const { code, json } = await hashOf(name, '--json');
    assert.equal(code, 0, name);
    assert.deepEqual(Object.keys(json), ['certificates']);
    for (const certificate of json.certificates) assert.deepEqual(Object.keys(certificate), MEMBERS);
    const pins = json.certificates.map(({ pin }: { pin: string }) => pin);
    assert.deepEqual(pins, pinsByOpenssl(hostOf(name).validatedChainFile ?? ''), name);
    assert.equal(pins[0], hostOf(name).pins.leaf);
    assert.equal(pins.at(-1), hostOf(name).pins.root);
  }
});

test('an appended certificate that is no part of the chain is not among the pins', async () => {
  const { json } = await hashOf('appended', '--json');
  const { leaf, intermediate, root } = hostOf('appended').pins;
  assert.deepEqual(
    json.certificates.map(({ pin }: { pin: string }) => pin),
    [leaf, intermediate, root],
  );
});

test('people see the server, each certificate, what to paste and how to make a backup pin', async () => {
  const { code, stdout, stderr } = await hashOf('leaf');
  assert.deepEqual([code, stderr], [0, '']);
  const { host, port, pins } = hostOf('leaf');
  assert.ok(stdout.startsWith(`${host}:${port} (at 127.0.0.1) speaks TLS 1.3; its chain is valid`), stdout);
  for (const role of ['leaf', 'intermediate', 'root'] as const) {
    assert.match(stdout, new RegExp(`^${role} `, 'm'));
    assert.ok(stdout.includes(`  pin         ${pins[role]}\n`), role);
  }
  assert.match(stdout, /validity +\d{4}-\d\d-\d\d to \d{4}-\d\d-\d\d, \d+ days left/);
  assert.match(
    stdout,
    /openssl genpkey .* -out backup\.key\n {2}npx react-native-spki-pinning hash --key backup\.key/,
  );
  assert.match(stdout, /^warning: this certificate lives \d+ days/m);
  for (const line of stdout.split('\n')) assert.ok(line.length <= 100, line);
});

test('what is to be pasted is a good configuration that lets the server through', async () => {
  const { stdout } = await hashOf('leaf');
  const [, pasted] = /initializeSslPinning\((\{[\s\S]*?\n {2}\})\);/.exec(stdout) ?? [];
  const options = new Function(`return (${pasted});`)();
  const config = workspace.write('pasted.json', JSON.stringify(options));
  assert.equal((await cli(['check', config])).code, 0);
  const { host, validatedChainFile } = hostOf('leaf');
  const args = [
    'evaluate',
    '--config',
    config,
    '--host',
    host,
    '--chain',
    validatedChainFile ?? '',
    '--json',
  ];
  assert.equal((await cli(args)).json.reason, 'pin-matched');
});

test('the pin of a long-lived leaf is to be pasted alone, that of a short-lived one with its issuer', () => {
  const certificate = (role: 'leaf' | 'intermediate' | 'root', days: number) => ({
    role,
    pin: `${role}=`,
    subject: null,
    issuer: null,
    notBefore: '2026-01-01T00:00:00Z',
    notAfter: new Date(Date.UTC(2026, 0, 1 + days)).toISOString(),
    keyAlgorithm: null,
    der: '',
  });
  const advice = (days: number) =>
    adviceForServer(
      'a.test',
      [certificate('leaf', days), certificate('intermediate', 3650)],
      styleFor({}, {}),
    );
  assert.match(advice(397), /^ {8}'leaf=', \/\/ leaf\n {8}\/\/ 'intermediate=', \/\/ intermediate$/m);
  assert.doesNotMatch(advice(397), /warning/);
  assert.match(advice(90), /^ {8}'leaf=', \/\/ leaf\n {8}'intermediate=', \/\/ intermediate$/m);
  assert.match(advice(47), /warning: this certificate lives 47 days/);
});

test('a chain that is not valid is a verdict: exit code 1, with the reason', async () => {
  const cases: [string, string, RegExp][] = [
    ['expired', 'certificate-expired', /has expired/],
    ['wrong-host', 'certificate-wrong-host', /not for wrong-host\.spki\.test/],
    ['self-signed', 'certificate-self-signed', /self-signed/],
    ['missing-intermediate', 'certificate-missing-intermediate', /only its own certificate/],
  ];
  for (const [name, errorCode, message] of cases) {
    const run = await hashOf(name, '--json');
    assert.deepEqual([run.code, run.json.ok, run.json.error.code], [1, false, errorCode]);
    assert.match(run.json.error.message, message);
    assert.ok(run.json.error.suggestion);
    assert.match(run.stderr, /^error: /);
  }
});

test('a server that nobody this machine trusts has vouched for is a verdict too', async () => {
  const { host, port } = hostOf('leaf');
  const run = await cli(['hash', `${host}:${port}`, '--connect', '127.0.0.1', '--json']);
  assert.deepEqual([run.code, run.json.error.code], [1, 'certificate-unknown-issuer']);
});

test('a server that cannot be asked is exit code 2', async () => {
  const free = await closedPort();
  const plain = hostOf('not-tls');
  const slow = hostOf('slow');
  const cases: [string[], string][] = [
    [['nope.invalid'], 'dns'],
    [['a.test', '--connect', 'nope.invalid'], 'dns'],
    [[`127.0.0.1:${free}`], 'refused'],
    [[`${plain.host}:${plain.port}`, '--connect', '127.0.0.1', '--ca', testbed.document.caFile], 'not-tls'],
    [
      [
        `${slow.host}:${slow.port}`,
        '--connect',
        '127.0.0.1',
        '--ca',
        testbed.document.caFile,
        '--timeout',
        '1',
      ],
      'timeout',
    ],
  ];
  await Promise.all(
    cases.map(async ([args, errorCode]) => {
      const run = await cli(['hash', ...args, '--json']);
      assert.equal(run.json.error.code, errorCode);
      assert.equal(run.code, 2, errorCode);
      assert.ok(run.json.error.suggestion, errorCode);
    }),
  );
});

test('a silent server is given up after --timeout', async () => {
  const started = Date.now();
  assert.equal((await hashOf('slow', '--timeout', '1')).code, 2);
  const took = Date.now() - started;
  assert.ok(took >= 1000 && took < 60_000, `${took} ms`);
});

test('a file of roots that cannot be used is exit code 2', async () => {
  const { host, port } = hostOf('leaf');
  for (const file of [workspace.path('missing'), workspace.write('roots.pem', 'garbage')]) {
    const run = await cli(['hash', `${host}:${port}`, '--connect', '127.0.0.1', '--ca', file, '--json']);
    assert.equal(run.code, 2);
    assert.ok(run.json.error.suggestion);
  }
});

test('a host that is no host says how to write it', async () => {
  const cases: [string, RegExp][] = [
    ['https://example.com:8443/path', /use `hash example\.com:8443`/],
    ['https://user:word@example.com/', /use `hash example\.com`/],
    ['example.com/path', /use `hash example\.com`/],
    ['*.example.com', /name one host that the wildcard stands for/],
    ['example.com:https', /"https" is not a port/],
    ['example.com:0', /"0" is not a port/],
    ['example.com:', /"" is not a port/],
    ['exa mple.com', /white space/],
    [':443', /empty/],
  ];
  for (const [host, expected] of cases) {
    const { code, stderr } = await cli(['hash', host]);
    assert.equal(code, 2, host);
    assert.match(stderr, expected);
  }
});

test('an IPv6 literal is taken with and without brackets and port', async () => {
  for (const host of ['::1', '[::1]', '[::1]:1']) {
    const run = await cli(['hash', host, '--connect', `127.0.0.1:${await closedPort()}`, '--json']);
    assert.equal(run.json.error.code, 'refused', host);
  }
});

test('certificates are read from PEM, a chain and DER', async () => {
  const file = hostOf('leaf').chainFile;
  const pins = pinsByOpenssl(file);
  const pinsOf = async (args: string[], input?: Buffer) => {
    const run = await cli(['hash', ...args, '--json'], input === undefined ? {} : { input });
    assert.equal(run.code, 0, run.stderr);
    return run.json.certificates.map(({ pin }: { pin: string }) => pin);
  };
  assert.deepEqual(await pinsOf(['--cert', file]), pins);
  assert.deepEqual(await pinsOf(['--cert', '-'], readFileSync(file)), pins);
  const der = workspace.openssl('x509 -outform der', readFileSync(file));
  assert.deepEqual(await pinsOf(['--cert', workspace.write('leaf.der', der)]), pins.slice(0, 1));
  const { stdout } = await cli(['hash', '--cert', file]);
  assert.match(stdout, /^no\. 1 [\s\S]*^no\. 2 [\s\S]*To pin the first of them/m);
});

test('a key has one pin in every form, public or private', async () => {
  const w = workspace;
  w.openssl('genpkey -algorithm RSA -out rsa.pem');
  w.openssl('genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out ec.pem');
  w.openssl('genpkey -algorithm ed25519 -out ed.pem');
  w.openssl('ecparam -name secp384r1 -out parameters.pem');
  for (const key of ['rsa', 'ec', 'ed']) {
    w.openssl(`pkey -in ${key}.pem -outform der -out ${key}.pkcs8.der`);
    w.openssl(`pkey -in ${key}.pem -pubout -out ${key}.spki.pem`);
    w.openssl(`pkey -in ${key}.pem -pubout -outform der -out ${key}.spki.der`);
  }
  for (const form of ['pem', 'der']) {
    w.openssl(`rsa -in rsa.pem -traditional -outform ${form} -out rsa.pkcs1.${form}`);
    w.openssl(`rsa -in rsa.pem -RSAPublicKey_out -outform ${form} -out rsa.public.${form}`);
    w.openssl(`ec -in ec.pem -outform ${form} -out ec.sec1.${form}`);
  }
  const sec1 = readFileSync(w.path('ec.sec1.pem'), 'utf8');
  w.write('ec.with-parameters.pem', readFileSync(w.path('parameters.pem'), 'utf8') + sec1);
  w.write('ec.windows.pem', sec1.replaceAll('\n', '\r\n'));
  const jwk = execFileSync(process.execPath, [
    '-p',
    'JSON.stringify(crypto.createPrivateKey(fs.readFileSync(process.argv[1])).export({ format: "jwk" }))',
    w.path('ec.pem'),
  ]);
  w.write('ec.jwk', jwk);
  const forms: Record<string, string[]> = {
    rsa: ['pem', 'pkcs8.der', 'spki.pem', 'spki.der', 'pkcs1.pem', 'pkcs1.der', 'public.pem', 'public.der'],
    ec: [
      'pem',
      'pkcs8.der',
      'spki.pem',
      'spki.der',
      'sec1.pem',
      'sec1.der',
      'with-parameters.pem',
      'windows.pem',
      'jwk',
    ],
    ed: ['pem', 'pkcs8.der', 'spki.pem', 'spki.der'],
  };
  const algorithms: Record<string, string> = { rsa: 'RSA 2048', ec: 'EC P-384', ed: 'Ed25519' };
  for (const [key, files] of Object.entries(forms)) {
    const pin = w.pinOfPublicKey(readFileSync(w.path(`${key}.spki.pem`)));
    const unknown = { subject: null, issuer: null, notBefore: null, notAfter: null };
    const expected = { certificates: [{ pin, ...unknown, keyAlgorithm: algorithms[key] }] };
    await Promise.all(
      files.map(async (form) => {
        const run = await cli(['hash', '--key', w.path(`${key}.${form}`), '--json']);
        assert.equal(run.code, 0, `${key}.${form}: ${run.stderr}`);
        assert.deepEqual(run.json, expected, `${key}.${form}`);
      }),
    );
  }
  const { stdout } = await cli(['hash', '--key', w.path('ec.pem')]);
  assert.match(stdout, /Add it to the pins of its domain/);
});

test('an encrypted key is told apart, and how to take its public half', async () => {
  const w = workspace;
  w.openssl('genpkey -algorithm RSA -out plain.pem');
  w.openssl('pkey -in plain.pem -aes128 -passout pass:x -out pkcs8.enc.pem');
  w.openssl('rsa -in plain.pem -traditional -aes128 -passout pass:x -out pkcs1.enc.pem');
  w.openssl('pkcs8 -topk8 -in plain.pem -passout pass:x -outform der -out pkcs8.enc.der');
  for (const file of ['pkcs8.enc.pem', 'pkcs1.enc.pem', 'pkcs8.enc.der']) {
    const run = await cli(['hash', '--key', w.path(file), '--json']);
    assert.deepEqual([run.code, run.json.error.code], [2, 'key-encrypted'], file);
    assert.match(
      run.json.error.suggestion,
      /openssl pkey -pubout -in .* \| npx react-native-spki-pinning hash --key -/,
    );
  }
});

test("a key in OpenSSH's own format is told apart, and how to convert it", async () => {
  for (const content of [
    '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n',
    'ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY= me@example.com\n',
  ]) {
    const run = await cli(['hash', '--key', workspace.write("my 'id", content), '--json']);
    assert.deepEqual([run.code, run.json.error.code], [2, 'key-openssh']);
    assert.match(run.json.error.suggestion, /^convert it \(RSA or ECDSA\): `ssh-keygen -e /);
    assert.match(run.json.error.suggestion, / '[^ ]*\/my '\\''id' \|/, 'as a shell wants it');
  }
});

test('a signing request has the pin of its key', async () => {
  const w = workspace;
  w.openssl('req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout r.key -subj /CN=next -out r.pem');
  w.openssl('req -in r.pem -outform der -out r.der');
  const pin = w.pinOfPublicKey(w.openssl('pkey -in r.key -pubout'));
  for (const file of ['r.pem', 'r.der']) {
    const { json } = await cli(['hash', '--csr', w.path(file), '--json']);
    const unknown = { issuer: null, notBefore: null, notAfter: null };
    assert.deepEqual(json, {
      certificates: [{ pin, subject: 'CN=next', ...unknown, keyAlgorithm: 'EC P-256' }],
    });
  }
});

test('a damaged or wrong file is named with the line and what to use instead', async () => {
  const w = workspace;
  const pem = readFileSync(w.certificate('damaged'), 'utf8');
  const key = readFileSync(w.path('damaged.key'), 'utf8');
  const lines = pem.split('\n');
  const cases: [string, string, string | Buffer, RegExp][] = [
    ['bad character', '--cert', lines.with(3, `!${lines[3]}`).join('\n'), /line 4, column 1/],
    ['cut off', '--cert', lines.slice(0, 4).join('\n'), /line 1: the CERTIFICATE has no END/],
    ['key damaged', '--key', key.replace('\n', '\n!'), /line 2, column 1/],
    ['key damaged inside', '--key', key.replace(/\n[^-]*\n/, '\nAAAA\n'), /is damaged, or of a kind/],
    ['a key as certificate', '--cert', key, /use --key/],
    ['a certificate as key', '--key', pem, /use --cert/],
    ['a certificate as request', '--csr', pem, /use --cert/],
    ['a certificate as key, DER', '--key', w.openssl('x509 -outform der', pem), /use --cert/],
    ['nothing', '--cert', '', /is empty/],
    ['text', '--key', 'hello', /neither PEM nor/],
    ['a symmetric JWK', '--key', '{"kty":"oct","k":"AAAA"}', /no JWK/],
  ];
  for (const [name, option, content, expected] of cases) {
    const { code, stdout, stderr } = await cli(['hash', option, w.write('input', content)]);
    assert.deepEqual([code, stdout], [2, ''], name);
    assert.match(stderr.replace(/\s+/g, ' '), expected, name);
  }
});

test('10 MB of garbage is refused in bounded time', { timeout: 100_000 }, async () => {
  const garbage = Buffer.alloc(10_000_000, 'garbage-----BEGIN ');
  for (const option of ['--cert', '--key', '--csr']) {
    for (const input of [garbage, garbage.subarray(0, 4_000_000), Buffer.alloc(4_000_000, 0x30)]) {
      const run = await cli(['hash', option, '-', '--json'], { input });
      assert.equal(run.code, 2);
      assert.ok(run.stdout.length < 2000);
    }
  }
});

/** A port of this machine on which nothing listens. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  assert.ok(address !== null && typeof address === 'object');
  return address.port;
}
