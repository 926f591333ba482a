/** The README is true: every sample in it compiles and does what it says, every command in it runs. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { cli } from './cli-support.js';
import { atTestbed, node, Page, ROOT, runSample, typeErrors } from './documents.js';
import { startTestbed, WRONG_PIN } from './testbed.js';
import { Workspace } from './workspace.js';

const readme = new Page('README.md');
const workspace = new Workspace();
const testbed = await startTestbed();
const { host, port, validatedChainFile } = testbed.host('leaf');
const reaching = ['--connect', `127.0.0.1:${port}`, '--ca', testbed.document.caFile];

const here = (sample: string, pin?: string) => atTestbed(sample, testbed, 'leaf', pin);
const run = (name: string, sample: string) => runSample(readme, name, sample, testbed);

/** Jest's globals, as far as the samples need them: for the compiler, and to run without Jest. */
const JEST_TYPES = `
declare function test(name: string, body: () => Promise<void>): void;
declare function expect(value: unknown): { toEqual(expected: unknown): void };
`;
const JEST = `
import assert from 'node:assert/strict';
import { test } from 'node:test';
const expect = (value: unknown) => ({ toEqual: (expected: unknown) => assert.deepEqual(value, expected) });
`;

test('every TypeScript sample compiles against the built package', () => {
  assert.deepEqual(typeErrors(readme, JEST_TYPES), []);
});

test('the sample that pins lets the right server through and a wrong one not', async () => {
  const sample = readme.only('ts', 'isSslPinningAvailable');
  const right = await run('right.ts', here(sample));
  assert.deepEqual([right.code, right.output], [0, '']);
  const wrong = await run('wrong.ts', here(sample, WRONG_PIN));
  assert.equal(wrong.code, 1);
  assert.match(wrong.output, /SslPinningError: SSL pinning refused leaf\.spki\.test \(no-pin-matched\)/);
});

test('the sample that listens hears of a failure', async () => {
  const listen = readme.only('ts', 'addSslPinningErrorListener');
  const pin = readme.only('ts', 'isSslPinningAvailable').replace(/^const response = .*$/m, '');
  const failing =
    "await fetch('https://api.example.com/').catch(() => {});\nawait new Promise((r) => setTimeout(r, 50));";
  const { output } = await run('listen.ts', here(listen + pin + failing, WRONG_PIN));
  assert.match(output, /^blocked leaf\.spki\.test no-pin-matched Certificate pinning failure!/);
});

test('the sample that asks tells a refusal from any other failure', async () => {
  const pin = readme.only('ts', 'isSslPinningAvailable').replace(/^const response = .*$/m, '');
  const ask = readme.only('ts', 'const start');
  const refused = await run('refused.ts', here(pin + ask, WRONG_PIN));
  assert.deepEqual([refused.code, refused.output], [0, 'not our server: no-pin-matched\n']);
  const unreachable = here(pin + ask).replaceAll(testbed.url('leaf'), 'https://127.0.0.1:1/');
  assert.match((await run('unreachable.ts', unreachable)).output, /^no answer: TypeError: fetch failed\n$/);
});

test('the sample for Jest passes, where the package is its mock', async () => {
  const sample = readme.only('ts', 'emitSslPinningError');
  const mocked = sample.replace("'react-native-spki-pinning'", "'react-native-spki-pinning/jest'");
  const { code, output } = await run('jest.ts', JEST + mocked);
  assert.equal(code, 0, output);
  assert.match(output, /pass 1$/m);
});

test('the entries of the package that Jest is configured with are there', () => {
  const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const text = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const names = [...text.matchAll(/'react-native-spki-pinning(\/[\w/]+)'/g)].map(([, name]) => `.${name}`);
  assert.deepEqual([...new Set(names)].sort(), ['./jest', './jest/setup']);
  for (const name of names) assert.ok(name in exports, name);
});

test('the sample for Node catches the refusal', async () => {
  const { code, output } = await run('node.ts', here(readme.only('ts', 'instanceof SslPinningError')));
  assert.equal(code, 0, output);
  assert.match(output, /^leaf\.spki\.test no-pin-matched \[/);
});

test('the sample with signed pins pins, and goes on where there is nothing to fetch', async () => {
  const request = "console.log((await fetch('https://api.example.com/')).status);";
  const sample = readme.only('ts', 'publicKeys');
  const right = await run('updates.ts', here(sample + request));
  assert.deepEqual([right.code, right.output], [0, '200\n']);
  assert.equal((await run('updates-wrong.ts', here(sample + request, WRONG_PIN))).code, 1);
});

test('the sample that verifies says whether a host is pinned', async () => {
  const pin = readme.only('ts', 'isSslPinningAvailable').replace(/^const response = .*$/m, '');
  const verify = readme
    .only('ts', 'verifySslPinning')
    .replace("verifySslPinning('api.example.com')", `verifySslPinning('localhost', { port: ${port} })`);
  const local = (sample: string) =>
    here(sample)
      .replace(/'leaf\.spki\.test'/g, "'localhost'")
      .replace(/^ +includeSub.*$/m, '');
  const pinned = await run('verify.ts', local(pin + verify));
  assert.match(
    pinned.output,
    /^pinned localhost shows a pinned key\nfetch: checked \(pin-matched\)\nhttps: checked/,
  );
  assert.match((await run('verify-none.ts', verify)).output, /^NOT PINNED localhost is not pinned/);
});

/** How each command of the README is run here. */
const COMMANDS: Readonly<Record<string, () => Promise<void>>> = {
  'npm run demo': async () => {
    const { code, output } = await node([join(ROOT, 'scripts/demo.mjs')]);
    assert.equal(code, 0, output);
    assert.match(output, /\d\d trials: all as expected/);
    assert.doesNotMatch(output, /FAIL/);
  },
  // This is a part of it; that CI runs the whole is all that is left to see.
  'npm test': async () => assert.match(readFileSync(join(ROOT, '.ci/run'), 'utf8'), /npm test$/m),
  // From this directory instead of the registry; the tests of the package install what would come from there.
  'npm install react-native-spki-pinning': async () => {
    const app = workspace.path('app');
    mkdirSync(app);
    workspace.write('app/package.json', '{}');
    const args = ['install', ROOT, '--ignore-scripts', '--omit=peer', '--no-audit', '--offline'];
    execFileSync('npm', args, { cwd: app, stdio: 'pipe' });
    for (const file of ['react-native-spki-pinning/package.json', '.bin/react-native-spki-pinning']) {
      assert.ok(existsSync(join(app, 'node_modules', file)), file);
    }
  },
  'npx react-native-spki-pinning hash api.example.com': async () => {
    const { code, stdout } = await cli(['hash', host, ...reaching]);
    assert.equal(code, 0);
    assert.ok(stdout.includes(testbed.pin('leaf')));
  },
  'openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out backup.key': async () => {
    workspace.openssl('genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out backup.key');
  },
  'npx react-native-spki-pinning hash --key backup.key': async () => {
    const { code, json } = await cli(['hash', '--key', 'backup.key', '--json'], { cwd: workspace.directory });
    const key = workspace.openssl('pkey -in backup.key -pubout');
    assert.deepEqual([code, json.certificates[0].pin], [0, workspace.pinOfPublicKey(key)]);
  },
  'npx react-native-spki-pinning check ssl-pinning.json': async () => {
    workspace.write('ssl-pinning.json', readme.only('json', 'publicKeyHashes'));
    const { code, stdout } = await cli(['check', 'ssl-pinning.json'], { cwd: workspace.directory });
    assert.deepEqual([code, stdout], [0, 'ssl-pinning.json: ok, no problems, 1 domain pinned\n']);
  },
  'npx react-native-spki-pinning evaluate --config ssl-pinning.json --host api.example.com --chain chain.pem':
    async () => {
      workspace.write('ssl-pinning.json', here(readme.only('json', 'publicKeyHashes')));
      copyFileSync(validatedChainFile ?? '', workspace.path('chain.pem'));
      const args = ['evaluate', '--config', 'ssl-pinning.json', '--host', host, '--chain', 'chain.pem'];
      const { code, stdout } = await cli(args, { cwd: workspace.directory });
      assert.equal(code, 0);
      assert.match(stdout, /^ALLOWED leaf\.spki\.test \(pin-matched\)/);
    },
  'npx react-native-spki-pinning keygen --out pins-key.pem': async () => {
    assert.equal((await cli(['keygen', '--out', 'pins-key.pem'], { cwd: workspace.directory })).code, 0);
  },
  'npx react-native-spki-pinning keygen --out pins-backup-key.pem': async () => {
    const { code, stdout } = await cli(['keygen', '--out', 'pins-backup-key.pem'], {
      cwd: workspace.directory,
    });
    assert.equal(code, 0);
    assert.match(stdout, /publicKeys: \["-----BEGIN PUBLIC KEY-----/);
  },
  'npx react-native-spki-pinning sign ssl-pinning.json --manifest-version 1 --expires 2099-01-01 --key pins-key.pem --out pins.jwt':
    async () => {
      workspace.write('ssl-pinning.json', readme.only('json', 'publicKeyHashes'));
      const options = [
        '--manifest-version',
        '1',
        '--expires',
        '2099-01-01',
        '--key',
        'pins-key.pem',
        '--out',
        'pins.jwt',
      ];
      const { code, stdout } = await cli(['sign', 'ssl-pinning.json', ...options], {
        cwd: workspace.directory,
      });
      assert.equal(code, 0, stdout);
      assert.match(stdout, /signed pins\.jwt: version 1, 1 domain, until 2099-01-01T00:00:00\.000Z$/m);
    },
  'npx react-native-spki-pinning verify pins.jwt --key pins-key.pem.pub --config ssl-pinning.json':
    async () => {
      const options = ['--key', 'pins-key.pem.pub', '--config', 'ssl-pinning.json'];
      const { code, stdout } = await cli(['verify', 'pins.jwt', ...options], { cwd: workspace.directory });
      assert.equal(code, 0, stdout);
      assert.match(stdout, /^TAKEN {2}apps with this key take the manifest \(version 1\)/);
    },
  'npx react-native-spki-pinning embed ssl-pinning.json': async () => {
    bareApp();
    const { code, stdout } = await cli(['embed', 'ssl-pinning.json'], { cwd: workspace.directory });
    assert.equal(code, 0);
    assert.match(stdout, /carries ssl-pinning\.json from its next build on$/m);
  },
  'npx react-native-spki-pinning doctor': async () => {
    const { code, stdout } = await cli(['doctor'], { cwd: workspace.directory });
    assert.equal(code, 1, 'nothing is installed there');
    assert.match(stdout, /ok +the android app carries it as it is$/m);
  },
};

/** The app of somebody who reads the README: it need not have both platforms. */
function bareApp(): void {
  workspace.write('package.json', '{}');
  mkdirSync(workspace.path('android/app/src/main'), { recursive: true });
}

for (const command of readme.commands()) {
  test(`$ ${command}`, async () => {
    const run = COMMANDS[command];
    assert.ok(run, 'a command of the README that no test runs');
    await run();
  });
}
