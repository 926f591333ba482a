/** The example app, installed beside this package's tarball as `npm ci` does it beside the repository. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ROOTS, startServers } from '../../example-app/servers/servers.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NAME = 'react-native-spki-pinning';

const directory = mkdtempSync(join(tmpdir(), 'spki-example-'));
after(() => rmSync(directory, { recursive: true, force: true }));

/** The lock says `file:..`: there it finds the tarball, unpacked. */
const packed = join(directory, 'package');
const app = join(packed, 'example-app');

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly output: string;
}

function run(
  cwd: string,
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Outcome> {
  const options = {
    cwd,
    maxBuffer: 1 << 26,
    env: { ...process.env, NODE_OPTIONS: '', NODE_TEST_CONTEXT: undefined, CI: '1', ...env },
  };
  return new Promise((resolve) =>
    execFile(program, args, options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : 1, stdout, output: `${stdout}${stderr}` }),
    ),
  );
}

async function succeed(...how: Parameters<typeof run>): Promise<string> {
  const { code, stdout, output } = await run(...how);
  assert.equal(code, 0, output);
  return stdout;
}

/** Runs a program of the app's own. */
function node(program: string, ...args: string[]): Promise<string> {
  return succeed(app, process.execPath, [join('node_modules', program), ...args]);
}

function read(path: string): string {
  return readFileSync(join(app, path), 'utf8');
}

/** As git has it. */
async function copyApp(): Promise<void> {
  const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', 'example-app'];
  const files = (await succeed(ROOT, 'git', list)).split('\0').filter((file) => existsSync(join(ROOT, file)));
  for (const file of files.filter(Boolean)) cpSync(join(ROOT, file), join(packed, file), { recursive: true });
}

const pack = await succeed(directory, 'npm', ['pack', ROOT, '--json', '--ignore-scripts']);
const [{ filename, files: packedFiles }] = JSON.parse(pack);
await succeed(directory, 'tar', ['xzf', filename]);
await copyApp();

const withoutServers = await run(app, process.execPath, ['servers/require.mjs']);
await succeed(app, 'npm', ['ci', '--ignore-scripts', '--no-audit', '--loglevel=error']);
const servers = await startServers(app, 0);
after(() => servers.stop());

test('the package is a copy, as in an app of anybody; the example is no part of it', () => {
  assert.ok(lstatSync(join(app, 'node_modules', NAME)).isDirectory());
  assert.deepEqual(
    packedFiles.filter(({ path }: { path: string }) => path.startsWith('example-app')),
    [],
  );
});

test('types', async () => {
  await node('typescript/bin/tsc', '--noEmit');
});

test('its own tests, the flows of Maestro among them', async () => {
  await node('jest/bin/jest.js');
});

test('React Native finds the package for both platforms, and the renamed projects', async () => {
  const { dependencies, project } = JSON.parse(await node('react-native/cli.js', 'config'));
  const { platforms } = dependencies[NAME];
  assert.match(platforms.ios.podspecPath, /react-native-spki-pinning\.podspec$/);
  assert.equal(platforms.android.packageImportPath, 'import com.spkipinning.SpkiPinningPackage;');
  assert.equal(project.android.packageName, 'com.spkipinning.example');
  assert.equal(project.android.mainActivity, '.MainActivity');
  assert.equal(project.ios.xcodeProject.name, 'SpkiPinningExample.xcodeproj');
});

test('doctor finds nothing amiss', async () => {
  const doctor = JSON.parse(await node(`${NAME}/lib/cli/main.js`, 'doctor', '--json'));
  assert.equal(doctor.ok, true, JSON.stringify(doctor.findings));
});

for (const platform of ['android', 'ios']) {
  test(`Metro makes a bundle for ${platform}, with the pins of the servers`, async () => {
    const bundle = join(directory, `${platform}.js`);
    const options = [
      '--platform',
      platform,
      '--dev',
      'false',
      '--minify',
      'false',
      '--entry-file',
      'index.js',
    ];
    await node('react-native/cli.js', 'bundle', ...options, '--bundle-output', bundle);
    const content = readFileSync(bundle, 'utf8');
    assert.ok(content.includes(servers.document.pins.leaf ?? ''));
    assert.ok(content.includes('SpkiPinning'));
    assert.doesNotMatch(content, /build\/node/, 'nothing of the entry for Node');
  });
}

test('every scenario comes to what the app expects, by the engine and over real TLS', async () => {
  const loader = fileURLToPath(import.meta.resolve('tsx'));
  const script = join(ROOT, 'tests/package/example-trials.ts');
  const args = ['--experimental-websocket', '--no-warnings', '--import', loader, script, app];
  const env = { NODE_EXTRA_CA_CERTS: join(app, ROOTS[0] ?? '') };
  const { leaf, intermediate, root } = servers.document.pins;
  const before = await servers.testbed.requests('leaf');
  const trials = JSON.parse(await succeed(ROOT, process.execPath, args, env));
  assert.ok(trials.length > 10);
  for (const { scenario, trial } of trials) {
    assert.equal(trial.verdict, scenario.expected, scenario.id);
    if (trial.verdict === 'allowed') assert.deepEqual(trial.served, [leaf, intermediate, root]);
    if (trial.verdict === 'blocked') {
      assert.equal(trial.reason, 'no-pin-matched', scenario.id);
      assert.equal(trial.served[0], leaf, scenario.id);
      assert.equal(trial.pinned.length, 2, scenario.id);
    }
  }
  const arrived = trials.filter(({ trial }: { trial: { answer: unknown } }) => trial.answer !== null).length;
  // The first hop of the redirect arrives too.
  assert.equal((await servers.testbed.requests('leaf')) - before, arrived + 1);
  const redirected = trials.find(({ scenario }: { scenario: { id: string } }) => scenario.id === 'redirect');
  assert.equal(redirected.trial.host, '127.0.0.1');
});

test('the debug build of Android trusts the root of the servers, a release build does not', () => {
  const configuration = read('android/app/src/debug/res/xml/network_security_config.xml');
  const [, name = ''] = /<certificates src="@raw\/(\w+)" \/>/.exec(configuration) ?? [];
  assert.ok(ROOTS.some((root) => root === `android/app/src/debug/res/raw/${name}.pem`));
  assert.match(read(`android/app/src/debug/res/raw/${name}.pem`), /BEGIN CERTIFICATE/);
  assert.match(read('android/app/src/debug/AndroidManifest.xml'), /@xml\/network_security_config"/);
  assert.doesNotMatch(read('android/app/src/main/AndroidManifest.xml'), /networkSecurityConfig/);
});

test('Metro and the builds say how to start the servers, until they run', async () => {
  assert.equal(withoutServers.code, 1);
  assert.match(withoutServers.output, /npm run servers/);
  await succeed(app, process.execPath, ['servers/require.mjs']);
  const { scripts } = JSON.parse(read('package.json'));
  for (const name of ['prestart', 'preandroid', 'preios'])
    assert.equal(scripts[name], 'node servers/require.mjs');
});

test('nothing is left of the names of the template, and nothing is missing of its files', async () => {
  const template = '@react-native-community/template@0.87.2';
  await succeed(directory, 'npm', ['pack', template, '--silent']);
  await succeed(directory, 'tar', ['xzf', 'react-native-community-template-0.87.2.tgz', '--one-top-level=t']);
  renameSync(join(directory, 't/package/template'), join(directory, 'template'));
  for (const platform of ['android', 'ios']) {
    for (const file of readdirSync(join(directory, 'template', platform), {
      recursive: true,
      withFileTypes: true,
    })) {
      if (!file.isFile()) continue;
      const path = join(file.parentPath, file.name).slice(join(directory, 'template').length + 1);
      const renamed = path
        .replaceAll('HelloWorld', 'SpkiPinningExample')
        .replace('com/helloworld', 'com/spkipinning/example')
        .replace(/_xcode\.env$/, '.xcode.env');
      assert.ok(existsSync(join(app, renamed)), `${renamed} is missing`);
      if (!/\.(png|jar|keystore)$/.test(renamed))
        assert.doesNotMatch(read(renamed), /hello.?world/i, basename(renamed));
    }
  }
});
