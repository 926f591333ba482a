import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { cli } from './cli-support.js';
import { Workspace } from './workspace.js';

const workspace = new Workspace();
const leafFile = workspace.certificate('leaf');
const authorityFile = workspace.certificate('authority');
const [leafPem, authorityPem] = [leafFile, authorityFile].map((file) => readFileSync(file, 'utf8')) as [
  string,
  string,
];
const chain = workspace.write('chain.pem', `subject=leaf\n${leafPem}\n${authorityPem}`);
const [leafPin, authorityPin] = [leafPem, authorityPem].map((pem) => workspace.pinOfCertificate(pem)) as [
  string,
  string,
];
const UNSERVED = 'j11z8DhQQA9fdFgx0zaqmF6yxgVf3Mf6MCgqiXKfF3E=';

const config = workspace.write(
  'config.json',
  JSON.stringify({
    domains: {
      'leaf.test': {
        includeSubdomains: true,
        excludedSubdomains: ['open.leaf.test'],
        publicKeyHashes: [leafPin, UNSERVED],
      },
      'authority.test': {
        publicKeyHashes: [`sha256/${authorityPin}`, UNSERVED],
        expirationDate: '2027-06-01',
      },
      'wrong.test': { publicKeyHashes: [UNSERVED, UNSERVED] },
      'trial.test': { publicKeyHashes: [UNSERVED], reportOnly: true },
    },
  }),
);

function evaluate(host: string, ...more: string[]) {
  return cli(['evaluate', '--config', config, '--chain', chain, '--host', host, ...more]);
}

test('each verdict has its reason, its entry and its exit code', async () => {
  const cases: [string[], number, Record<string, unknown>][] = [
    [
      ['leaf.test'],
      0,
      { verdict: 'allowed', reason: 'pin-matched', entry: 'leaf.test', matchedPin: leafPin },
    ],
    [
      ['A.LEAF.test.'],
      0,
      { verdict: 'allowed', reason: 'pin-matched', entry: 'leaf.test', matchedPin: leafPin },
    ],
    [
      ['authority.test'],
      0,
      { verdict: 'allowed', reason: 'pin-matched', entry: 'authority.test', matchedPin: authorityPin },
    ],
    [
      ['x.open.leaf.test'],
      0,
      { verdict: 'allowed', reason: 'subdomain-excluded', entry: 'leaf.test', matchedPin: null },
    ],
    [['other.test'], 0, { verdict: 'allowed', reason: 'not-pinned', entry: null, matchedPin: null }],
    [
      ['wrong.test'],
      1,
      { verdict: 'blocked', reason: 'no-pin-matched', entry: 'wrong.test', matchedPin: null },
    ],
    [
      ['trial.test'],
      0,
      { verdict: 'reportOnly', reason: 'no-pin-matched', entry: 'trial.test', matchedPin: null },
    ],
    [[''], 1, { verdict: 'blocked', reason: 'missing-host', entry: null, matchedPin: null }],
  ];
  await Promise.all(
    cases.map(async ([[host = '', ...more], code, verdict]) => {
      const run = await evaluate(host, '--json', ...more);
      assert.deepEqual(run.json, { ...verdict, servedPins: [leafPin, authorityPin] });
      assert.equal(run.code, code, host);
    }),
  );
});

test('pins are off from 00:00:00 UTC of their expiration date', async () => {
  const cases: [string, string][] = [
    ['2027-05-31', 'pin-matched'],
    ['2027-05-31T23:59:59Z', 'pin-matched'],
    ['2027-06-01', 'pin-expired'],
    ['2027-06-01T01:59:59+02:00', 'pin-matched'],
    ['2027-06-01T02:00:00+02:00', 'pin-expired'],
    ['2027-06-01t00:00:00.000z', 'pin-expired'],
  ];
  await Promise.all(
    cases.map(async ([at, reason]) => {
      assert.equal((await evaluate('authority.test', '--json', '--at', at)).json.reason, reason, at);
    }),
  );
});

test('--at takes real dates only', async () => {
  const texts = [
    '2027-2-3',
    '2027-02-30',
    '27-02-03',
    '2027-02-03T25:00:00Z',
    '2027-02-03T10:00:00',
    'now',
    '٢٠٢٧-٠٢-٠٣',
  ];
  for (const at of texts) {
    const { code, stderr } = await evaluate('leaf.test', '--at', at);
    assert.equal(code, 2, at);
    assert.match(stderr, /is not a date|there is no day/);
  }
});

test('people see the verdict in words and which pin matches', async () => {
  const allowed = await evaluate('a.leaf.test');
  assert.match(allowed.stdout, /^ALLOWED a\.leaf\.test \(pin-matched\)\n/);
  assert.match(allowed.stdout, /^entry {3}leaf\.test and its subdomains$/m);
  assert.ok(allowed.stdout.includes(`served* ${leafPin}  CN=leaf\n`), allowed.stdout);
  assert.ok(allowed.stdout.includes(`      * ${leafPin}`) || allowed.stdout.includes(`pinned* ${leafPin}\n`));
  const blocked = await evaluate('wrong.test');
  assert.match(
    blocked.stdout,
    /^BLOCKED wrong\.test \(no-pin-matched\)\nNo certificate of the chain has a pinned key\.\n/,
  );
  assert.ok(blocked.stdout.includes(`pinned  ${UNSERVED}\n`), blocked.stdout);
  assert.match((await evaluate('trial.test')).stdout, /^REPORT ONLY trial\.test/);
});

test('a URL, a port or a wildcard is not taken for a host', async () => {
  for (const host of ['https://wrong.test', 'wrong.test:443', 'wrong.test/path', 'user@wrong.test']) {
    const { code, stderr } = await evaluate(host);
    assert.equal(code, 2, host);
    assert.match(stderr, /use `wrong\.test`/);
  }
  const { code, stderr } = await evaluate('*.leaf.test');
  assert.equal(code, 2);
  assert.match(stderr, /name one host that the wildcard stands for/);
});

test('a certificate that is damaged inside its PEM satisfies no pin', async () => {
  const damaged = workspace.write(
    'damaged.pem',
    `${leafPem}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`,
  );
  const run = (host: string) =>
    cli(['evaluate', '--config', config, '--host', host, '--chain', damaged, '--json']);
  const wrong = await run('wrong.test');
  assert.deepEqual([wrong.code, wrong.json.verdict, wrong.json.reason], [1, 'blocked', 'unparsable-chain']);
  assert.equal((await run('other.test')).json.reason, 'not-pinned');
});

test('a chain of more than 32 certificates is too large', async () => {
  const long = workspace.write('long.pem', leafPem.repeat(33));
  const run = await cli(['evaluate', '--config', config, '--host', 'leaf.test', '--chain', long, '--json']);
  assert.deepEqual([run.code, run.json.reason], [1, 'chain-too-large']);
});

test('a chain in DER and one on standard input are read', async () => {
  const der = workspace.openssl('x509 -outform der', leafPem);
  const args = ['evaluate', '--config', config, '--host', 'leaf.test', '--chain', '-', '--json'];
  for (const input of [der, leafPem]) {
    const run = await cli(args, { input });
    assert.deepEqual([run.code, run.json.servedPins], [0, [leafPin]]);
  }
});

test('a configuration with errors gives no verdict but its problems', async () => {
  const bad = workspace.write('bad.json', '{"https://leaf.test":{"publicKeyHashes":[]}}');
  const args = ['evaluate', '--config', bad, '--host', 'leaf.test', '--chain', chain];
  const [human, json] = await Promise.all([cli(args), cli([...args, '--json'])]);
  assert.deepEqual([human.code, human.stdout, json.code], [2, '', 2]);
  assert.match(human.stderr, /bad\.json has 2 errors, so there is no/);
  assert.match(human.stderr, /error \/https:~1~1leaf\.test domain-is-url/);
  assert.equal(json.json.error.code, 'config-invalid');
  assert.equal(json.json.error.problems.length, 2);
});

test('a chain file without certificates is an input error', async () => {
  for (const [content, expected] of [
    [
      readFileSync(workspace.path('leaf.key'), 'utf8'),
      /no certificate in the file.*give the certificates of/,
    ],
    ['', /is empty/],
    [leafPem.replace('\n', '\n!'), /line 2/],
    ['garbage', /neither PEM nor/],
  ] as const) {
    const file = workspace.write('none.pem', content);
    const { code, stderr } = await cli([
      'evaluate',
      '--config',
      config,
      '--host',
      'leaf.test',
      '--chain',
      file,
    ]);
    assert.equal(code, 2);
    assert.match(stderr.replace(/\s+/g, ' '), expected);
  }
});
