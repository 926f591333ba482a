/** The guides are true: their samples compile and do what they say, their commands run, and what they name is there. */
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { API_PAGE, apiReference } from '../../scripts/lib/api-reference.mjs';
import { atTestbed, Page, ROOT, runSample, shell, typeErrors } from './documents.js';
import { startTestbed, WRONG_PIN } from './testbed.js';
import { Workspace } from './workspace.js';

const testbed = await startTestbed();
const workspace = new Workspace();
const inShell = shell(workspace, testbed, 'rotating');
const { host, pins, nextPin, validatedChainFile, nextValidatedChainFile } = testbed.host('rotating');

const migrating = new Page('docs/migrating.md');
const rotation = new Page('docs/rotation.md');
const faq = new Page('docs/faq.md');

/** The day of the examples, moved so that the tests never come to it. */
const EXPIRY = '2027-11-01';
const expiry = `${new Date().getUTCFullYear() + 1}-11-01`;

/** What react-native-ssl-pinning 1.6.0 declares, without a mistake that keeps the compiler from reading it. */
const REACT_NATIVE_SSL_PINNING = `
declare module 'react-native-ssl-pinning' {
  interface Options {
    body?: string | object;
    headers?: { [name: string]: string };
    method?: 'DELETE' | 'GET' | 'POST' | 'PUT';
    pkPinning?: boolean;
    sslPinning: { certs: string[] };
    timeoutInterval?: number;
  }
  interface Response {
    status: number;
    text: () => Promise<string>;
  }
  export function fetch(url: string, options: Options): Promise<Response>;
}
`;

test('the samples of the guides compile, before and after', () => {
  assert.deepEqual(typeErrors(migrating, REACT_NATIVE_SSL_PINNING), []);
  assert.deepEqual(typeErrors(rotation), []);
  assert.deepEqual(typeErrors(faq), []);
});

test('who has migrated from react-native-ssl-public-key-pinning is pinned', async () => {
  const [sample = ''] = migrating
    .samples('ts')
    .filter((body) => body.includes("'react-native-spki-pinning'"));
  await assertPins(migrating, 'alias.ts', `${sample}\nawait fetch('https://api.example.com/');`, '');
});

test('who has migrated from react-native-ssl-pinning is pinned', async () => {
  const sample = migrating.only('ts', 'AbortController');
  await assertPins(migrating, 'fetch.ts', sample.replace('/items', '/'), /^200 /);
});

test('the configuration that replaces one of TrustKit says the same', async () => {
  const { domains } = JSON.parse(migrating.only('json', 'excludedSubdomains'));
  assert.deepEqual(Object.keys(domains), ['example.com']);
  const swift = migrating.only('swift', 'kTSKPinnedDomains');
  for (const pin of domains['example.com'].publicKeyHashes) assert.ok(swift.includes(pin), pin);
  assert.ok(swift.includes(domains['example.com'].expirationDate));
});

test('the answer about failures tells a refused connection from another failure', async () => {
  const pinned =
    "import { initializeSslPinning } from 'react-native-spki-pinning';\n" +
    `await initializeSslPinning({ '${testbed.host('leaf').host}': { publicKeyHashes: ['${WRONG_PIN}'] } });\n`;
  const sample = pinned + faq.only('ts', 'getSslPinningError');
  const refused = await runSample(faq, 'refused.ts', atTestbed(sample, testbed, 'leaf'), testbed);
  assert.deepEqual([refused.code, refused.output], [0, 'not our server leaf.spki.test no-pin-matched\n']);
  const nobody = sample.replaceAll('https://api.example.com/', 'https://leaf.spki.test:1/');
  const lost = await runSample(
    faq,
    'lost.ts',
    nobody.replaceAll('api.example.com', 'leaf.spki.test'),
    testbed,
  );
  assert.notEqual(lost.code, 0);
  assert.match(lost.output, /ECONNREFUSED|fetch failed/);
});

test('the remote switch of the guide takes the pins off', async () => {
  const sample = rotation.only('ts', 'flags.example.net').replace('https://flags.example.net/app.json', FLAG);
  const pinned =
    "import { initializeSslPinning } from 'react-native-spki-pinning';\n" +
    `await initializeSslPinning({ '${host}': { publicKeyHashes: ['${WRONG_PIN}'] } });\n`;
  const call = `\nconsole.log((await fetch('${testbed.url('rotating')}')).status);`;
  const { code, output } = await runSample(rotation, 'switch.ts', pinned + sample + call, testbed);
  assert.deepEqual([code, output], [0, '200\n']);
});

/** An answer that says "off". */
const FLAG = `data:application/json,${encodeURIComponent(JSON.stringify({ pinning: 'off' }))}`;

async function assertPins(page: Page, name: string, sample: string, output: string | RegExp): Promise<void> {
  const right = await runSample(page, name, atTestbed(sample, testbed, 'leaf'), testbed);
  assert.equal(right.code, 0, right.output);
  if (typeof output === 'string') assert.equal(right.output, output);
  else assert.match(right.output, output);
  const wrong = await runSample(page, name, atTestbed(sample, testbed, 'leaf', WRONG_PIN), testbed);
  assert.notEqual(wrong.code, 0);
  assert.match(wrong.output, /SslPinningError: SSL pinning refused leaf\.spki\.test \(no-pin-matched\)/);
}

/** What a command has to come to. `before`: what the reader has by then. */
interface Expected {
  readonly before?: () => unknown;
  readonly code?: number;
  readonly output: RegExp;
}

function configuration(publicKeyHashes: readonly (string | null | undefined)[]): string {
  const domains = { [host]: { publicKeyHashes, expirationDate: expiry } };
  return JSON.stringify({ domains, settings: {} });
}

const both = () => configuration([pins.leaf, nextPin]);

const ROTATION: Readonly<Record<string, Expected>> = {
  'npx react-native-spki-pinning hash api.example.com': {
    output:
      /^leaf +CN=rotating\.spki\.test$[\s\S]*warning: this certificate lives 90 days[\s\S]*--reuse-key/m,
  },
  'openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out backup.key': { output: /^$/ },
  'openssl pkey -in backup.key -pubout -out backup.pub': { output: /^$/ },
  'npx react-native-spki-pinning hash --key backup.pub': { output: /^key\n +key +EC P-256\n +pin +\S{44}$/m },
  'npx react-native-spki-pinning hash --cert renewed.pem': {
    before: () => copyFileSync(validatedChainFile ?? '', workspace.path('renewed.pem')),
    output: new RegExp(`pin +${escaped(pins.leaf)}$`, 'm'),
  },
  'npx react-native-spki-pinning evaluate --config ssl-pinning.json --host api.example.com --chain renewed.pem':
    {
      before: () => workspace.write('ssl-pinning.json', both()),
      output: /^ALLOWED rotating\.spki\.test \(pin-matched\)/,
    },
  'for config in released/*.json; do npx react-native-spki-pinning check "$config" --online || exit 1; done':
    {
      before: () => {
        mkdirSync(workspace.path('released'));
        workspace.write('ssl-pinning.json', both());
        workspace.write('released/1.3.0.json', both());
        workspace.write('released/1.4.0.json', both());
      },
      output: /allowed +rotating\.spki\.test \(pin-matched, leaf\)[\s\S]*1\.4\.0\.json: ok/,
    },
  'npx react-native-spki-pinning check ssl-pinning.json': { output: /: ok, no problems, 1 domain pinned$/m },
  'npx react-native-spki-pinning keygen --out signing.pem': {
    output: /^made EdDSA key [\w-]{43}$[\s\S]*Put this into the app/m,
  },
  'npx react-native-spki-pinning keygen --out signing-backup.pem --algorithm ES256': {
    output: /^made ES256 key /,
  },
  'npx react-native-spki-pinning sign claims.json --key signing.pem --days 30 --out pins.jwt --config ssl-pinning.json':
    {
      before: () => {
        workspace.write('claims.json', atTestbed(rotation.only('json', '"version"'), testbed, 'rotating'));
        const app = JSON.parse(atTestbed(rotation.only('json', '"updates"'), testbed, 'rotating'));
        // The reader has keys of their own by now.
        app.settings.updates.publicKeys = ['signing.pem.pub', 'signing-backup.pem.pub'].map((name) =>
          readFileSync(workspace.path(name), 'utf8'),
        );
        workspace.write('ssl-pinning.json', JSON.stringify(app));
      },
      output: /signed pins\.jwt: version 8, 1 domain, until /,
    },
  'npx react-native-spki-pinning verify pins.jwt --config ssl-pinning.json': {
    output: /^TAKEN {2}apps with this key take the manifest \(version 8\)/,
  },
  'openssl req -new -key backup.key -subj /CN=api.example.com -addext subjectAltName=DNS:api.example.com -out backup.csr':
    { output: /^$/ },
  'npx react-native-spki-pinning hash --csr backup.csr': {
    output: /^request +CN=rotating\.spki\.test\n +key +EC P-256\n +pin +\S{44}$/m,
  },
  'for config in released/*.json; do npx react-native-spki-pinning evaluate --config "$config" --host api.example.com --chain new.pem || exit 1; done':
    {
      before: () => copyFileSync(nextValidatedChainFile ?? '', workspace.path('new.pem')),
      output: /ALLOWED rotating\.spki\.test \(pin-matched\)[\s\S]*ALLOWED/,
    },
  'npx react-native-spki-pinning evaluate --config ssl-pinning.json --host api.example.com --chain new.pem --at 2027-11-01':
    { output: /^ALLOWED rotating\.spki\.test \(pin-expired\)/ },
  'npx react-native-spki-pinning check ssl-pinning.json --online --connect 192.0.2.10': {
    before: () => testbed.control('POST', '/rotate?host=rotating&to=B'),
    output: /allowed +rotating\.spki\.test \(pin-matched, leaf\)/,
  },
  'npx react-native-spki-pinning check released/1.4.0.json --online': {
    before: () => workspace.write('released/1.4.0.json', configuration([pins.leaf, WRONG_PIN])),
    code: 1,
    output: /blocked +rotating\.spki\.test \(no-pin-matched\)/,
  },
};

const MIGRATING: Readonly<Record<string, Expected>> = {
  'npx react-native-spki-pinning hash --cert mycert.cer': {
    before: () => {
      workspace.certificate('mycert');
      workspace.openssl('x509 -in mycert.pem -outform der -out mycert.cer');
    },
    output: /^certificate +CN=mycert$/m,
  },
  'npx react-native-spki-pinning hash api.example.com': { output: /^root +O=SPKI pinning testbed/m },
  'npx react-native-spki-pinning check ssl-pinning.json': {
    before: () => workspace.write('ssl-pinning.json', migrating.only('json', '    "api.example.com": {')),
    output: /^ssl-pinning\.json: ok, no problems, 1 domain pinned$/m,
  },
};

testCommands(rotation, ROTATION);
testJob();
testCommands(migrating, MIGRATING);

function testCommands(page: Page, expectations: Readonly<Record<string, Expected>>): void {
  const seen = new Set<string>();
  for (const command of page.commands()) {
    if (seen.has(command)) continue;
    seen.add(command);
    test(`${page.path} $ ${command}`, async () => {
      const expected = expectations[command];
      assert.ok(expected, 'a command that no test expects anything of');
      await expected.before?.();
      const { code, output } = await inShell(command.replaceAll(EXPIRY, expiry));
      assert.equal(code, expected.code ?? 0, output);
      assert.match(output, expected.output);
    });
  }
  test(`${page.path} has every command that is expected of it`, () => {
    assert.deepEqual([...seen].sort(), Object.keys(expectations).sort());
  });
}

/** The job runs after the drill, whose files are those of somebody who has rotated. */
function testJob(): void {
  const [job = ''] = rotation.samples('yaml');
  const runs = [...job.matchAll(/^ +- run: (.*)$/gm)].map(([, command = '']) => command);
  test('the job of the guide passes where all is well, and a warning is enough to fail it', async () => {
    const [install, offline = '', online = '', ...more] = runs;
    assert.deepEqual([install, more], ['npm ci', []]);
    workspace.write('ssl-pinning.json', both());
    assert.equal((await inShell(offline)).code, 0);
    workspace.write('ssl-pinning.json', configuration([pins.leaf]));
    const warned = await inShell(offline);
    assert.equal(warned.code, 1);
    assert.match(warned.output, /no-backup-pin/);
    assert.equal((await inShell(online)).code, 1, 'the release that the drill has left behind');
    workspace.write('released/1.4.0.json', both());
    assert.equal((await inShell(online)).code, 0);
  });
}

function escaped(text: string | null | undefined): string {
  return (text ?? '').replaceAll(/[+/]/g, '\\$&');
}

test('every test that the threat model names is there', () => {
  const text = readFileSync(join(ROOT, 'docs/threat-model.md'), 'utf8');
  const files = new Map(testFiles().map((path) => [path.slice(path.lastIndexOf('/') + 1), path]));
  const named = [...text.matchAll(/`([\w-]+\.(?:json|rs|kt|swift|test\.ts))`/g)].map(([, name = '']) => name);
  assert.ok(named.length > 20);
  const missing = named.filter((name) => !NO_TESTS.includes(name) && !files.has(name));
  assert.deepEqual(missing, []);
  for (const [, file = '', functions = ''] of text.matchAll(/`(\w+\.rs)`: ((?:`\w+`(?:, )?)+)/g)) {
    const source = readFileSync(join(ROOT, files.get(file) ?? ''), 'utf8');
    for (const [, name = ''] of functions.matchAll(/`(\w+)`/g)) {
      assert.ok(source.includes(`fn ${name}(`), `${file}: ${name}`);
    }
  }
});

/** Files that the threat model names for another reason. */
const NO_TESTS: readonly string[] = ['ssl-pinning.json', 'verdict.rs'];

function testFiles(): string[] {
  const folders = ['rust/core/tests', 'rust/net/tests', 'js/test', 'ios/Tests', 'tests/vectors'];
  folders.push('android/jvm/tests/src/test/kotlin/com/spkipinning');
  return folders.flatMap((folder) => readdirSync(join(ROOT, folder)).map((name) => `${folder}/${name}`));
}

test('the API reference says what the types say', () => {
  const page = readFileSync(join(ROOT, API_PAGE), 'utf8');
  assert.equal(page, apiReference(), 'write it anew: node scripts/api.mjs');
});

test('every npm script and file that the documentation names is there', () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const guides = readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md'));
  for (const page of ['README.md', 'CONTRIBUTING.md', ...guides.map((name) => `docs/${name}`)]) {
    const text = readFileSync(join(ROOT, page), 'utf8');
    for (const [, name = ''] of text.matchAll(/npm run ([a-z:0-9-]+)/g))
      assert.ok(name in scripts, `${page}: ${name}`);
    for (const [, path = ''] of text.matchAll(/`((?:js|rust|ios|android|scripts|tests)\/[\w./-]+\.\w+)`/g))
      assert.ok(path.includes('/main/assets/') || existsSync(join(ROOT, path)), `${page}: ${path}`);
  }
});
