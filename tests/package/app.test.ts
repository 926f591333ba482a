/** A fresh app of React Native's community template with this package from its tarball, as `npm install` brings it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TEMPLATE = '@react-native-community/template@0.87.2';
const NAME = 'react-native-spki-pinning';

const directory = mkdtempSync(join(tmpdir(), 'spki-app-'));
after(() => rmSync(directory, { recursive: true, force: true }));

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly output: string;
}

function run(program: string, ...args: string[]): Promise<Outcome> {
  const options = {
    cwd: join(directory, 'app'),
    maxBuffer: 1 << 26,
    env: { ...process.env, NODE_OPTIONS: '', NODE_TEST_CONTEXT: undefined, CI: '1' },
  };
  return new Promise((resolve) =>
    execFile(program, args, options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : 1, stdout, output: `${stdout}${stderr}` }),
    ),
  );
}

/** Runs a program of the app's own. */
async function node(program: string, ...args: string[]): Promise<string> {
  const { code, stdout, output } = await run(process.execPath, join('node_modules', program), ...args);
  assert.equal(code, 0, output);
  return stdout;
}

function write(path: string, content: string): void {
  mkdirSync(dirname(join(directory, 'app', path)), { recursive: true });
  writeFileSync(join(directory, 'app', path), content);
}

function read(path: string): string {
  return readFileSync(join(directory, 'app', path), 'utf8');
}

async function npm(...args: string[]): Promise<string> {
  const { code, stdout, output } = await run('npm', ...args);
  assert.equal(code, 0, output);
  return stdout;
}

/** What is packed; of it no test may be. */
let packed: readonly string[] = [];

async function install(): Promise<void> {
  mkdirSync(join(directory, 'app'));
  await npm('pack', TEMPLATE, '--silent');
  await run('tar', 'xzf', 'react-native-community-template-0.87.2.tgz');
  renameSync(join(directory, 'app/package/template'), join(directory, 'template'));
  rmSync(join(directory, 'app'), { recursive: true });
  renameSync(join(directory, 'template'), join(directory, 'app'));
  const [{ filename, files }] = JSON.parse(await npm('pack', ROOT, '--json', '--ignore-scripts'));
  packed = files.map(({ path }: { path: string }) => path);
  const app = JSON.parse(read('package.json'));
  app.dependencies[NAME] = `file:${filename}`;
  write('package.json', JSON.stringify(app));
  await npm(
    'install',
    '--ignore-scripts',
    '--legacy-peer-deps',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  );
}

await install();

test('the tarball has what an app needs, and no tests or build trees', () => {
  for (const path of [
    'lib/src/index.js',
    'lib/node/index.js',
    'lib/cli/main.js',
    'commonjs/package.json',
    'commonjs/src/index.js',
    'commonjs/jest/setup.js',
    'js/src/NativeSpkiPinning.ts',
    'build/node/spki-pinning.node',
    'android/build.gradle',
    'android/src/main/AndroidManifest.xml',
    'ios/Core/TaskJudge.swift',
    'ios/Apple/SPKRequestHandler.mm',
    'ios/FFI/module.modulemap',
    'react-native-spki-pinning.podspec',
    'app.plugin.js',
    'docs/embedding.md',
    'LICENSE',
  ]) {
    assert.ok(packed.includes(path), `${path} is missing`);
  }
  const foreign = packed.filter((path) =>
    /(^|\/)(tests?|target|node_modules|\.build)\/|Tests\.swift$|\.rs$/i.test(path),
  );
  assert.deepEqual(foreign, []);
});

test('every entry of the package is there', () => {
  const { exports } = JSON.parse(read(`node_modules/${NAME}/package.json`));
  const targets: string[] = [];
  const collect = (value: unknown) => {
    if (typeof value === 'string') targets.push(value);
    else for (const inner of Object.values(value as object)) collect(inner);
  };
  collect(exports);
  assert.ok(targets.length > 10);
  for (const target of targets)
    assert.ok(existsSync(join(directory, 'app/node_modules', NAME, target)), target);
});

test('React Native finds both platforms', async () => {
  const config = JSON.parse(await node('react-native/cli.js', 'config'));
  const { platforms } = config.dependencies[NAME];
  assert.match(platforms.ios.podspecPath, /react-native-spki-pinning\.podspec$/);
  assert.equal(platforms.android.packageImportPath, 'import com.spkipinning.SpkiPinningPackage;');
});

test('React Native finds it under the name of the package that it replaces, too', async () => {
  const alias = 'react-native-ssl-public-key-pinning';
  const manifest = read('package.json');
  cpSync(join(directory, 'app/node_modules', NAME), join(directory, 'app/node_modules', alias), {
    recursive: true,
  });
  const { dependencies, ...rest } = JSON.parse(manifest);
  const { [NAME]: tarball, ...others } = dependencies;
  write('package.json', JSON.stringify({ ...rest, dependencies: { ...others, [alias]: tarball } }));
  try {
    const { platforms } = JSON.parse(await node('react-native/cli.js', 'config')).dependencies[alias];
    assert.match(platforms.ios.podspecPath, /react-native-spki-pinning\.podspec$/);
    assert.equal(platforms.android.packageImportPath, 'import com.spkipinning.SpkiPinningPackage;');
  } finally {
    write('package.json', manifest);
    rmSync(join(directory, 'app/node_modules', alias), { recursive: true });
  }
});

test('codegen makes the native interface, and registers the classes of iOS', async () => {
  const out = join(directory, 'codegen');
  await node('react-native/scripts/generate-codegen-artifacts.js', '-p', '.', '-t', 'ios', '-o', out);
  const generated = (path: string) => readFileSync(join(out, 'build/generated/ios', path), 'utf8');
  const providers = generated('ReactCodegen/RCTModuleProviders.mm');
  assert.match(providers, /@"SpkiPinning": @"SpkiPinningModule"/);
  assert.match(providers, /@"WebSocketModule": @"SPKWebSocketModule"/);
  assert.match(generated('ReactCodegen/RCTModulesConformingToProtocolsProvider.mm'), /SPKRequestHandler/);
  assert.match(generated('ReactCodegen/RNSpkiPinningSpec/RNSpkiPinningSpec.h'), /NativeSpkiPinningSpecBase/);
});

const APP = `import { AppRegistry } from 'react-native';
import { initializeSslPinning, isSslPinningAvailable, useSslPinningErrorListener } from '${NAME}';
AppRegistry.registerComponent('app', () => () => {
  useSslPinningErrorListener(({ message }) => console.warn(message));
  return null;
});
if (isSslPinningAvailable()) initializeSslPinning({ 'example.com': { publicKeyHashes: [] } });
`;

for (const platform of ['android', 'ios']) {
  test(`Metro makes a bundle for ${platform}`, async () => {
    write('entry.js', APP);
    const bundle = `bundle.${platform}.js`;
    const options = [
      '--platform',
      platform,
      '--dev',
      'false',
      '--entry-file',
      'entry.js',
      '--bundle-output',
      bundle,
    ];
    await node('react-native/cli.js', 'bundle', ...options);
    assert.match(read(bundle), /getEnforcing|SpkiPinning/);
    assert.doesNotMatch(read(bundle), /spki-pinning\.node/, 'nothing of the entry for Node');
  });
}

test("Jest, with React Native's preset, has the mock", async () => {
  write(
    'jest.config.js',
    `module.exports = { preset: '@react-native/jest-preset', setupFiles: ['${NAME}/jest/setup'] };`,
  );
  write(
    '__tests__/pinning.test.js',
    `import { initializeSslPinning, isSslPinningAvailable } from '${NAME}';
import { getSslPinningConfiguration } from '${NAME}/jest';
test('pins', async () => {
  expect(isSslPinningAvailable()).toBe(true);
  await expect(initializeSslPinning({ 'https://example.com': { publicKeyHashes: [] } })).rejects.toThrow('not valid');
  await initializeSslPinning({ 'example.com': { publicKeyHashes: ['AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA='] } });
  expect(Object.keys(getSslPinningConfiguration().domains)).toEqual(['example.com']);
});`,
  );
  await node('jest/bin/jest.js', 'pinning');
});
