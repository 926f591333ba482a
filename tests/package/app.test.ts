/** A fresh app of React Native's community template with this package from its tarball, as `npm install` brings it. */
import assert from 'node:assert/strict';
import { cpSync, readFileSync, rmSync } from 'node:fs';
import { after, test } from 'node:test';
import { NAME, Project, REPLACED } from './tarball.js';

const TEMPLATE = '@react-native-community/template@0.87.2';

const PLATFORMS = ['android', 'ios'];

const app = new Project('app');
after(() => app.remove());

/** Makes the app, and returns the name of the package's tarball. */
async function create(): Promise<string> {
  const [{ filename }] = JSON.parse(await app.npm('pack', TEMPLATE, '--json'));
  await app.succeed('tar', 'xzf', filename);
  cpSync(app.path('package/template'), app.directory, { recursive: true });
  rmSync(app.path('package'), { recursive: true });
  return (await app.pack()).file;
}

const tarball = await create();
const template = JSON.parse(app.read('package.json'));

/** Installs the package, and no other of ours, under a name. */
async function install(name: string): Promise<void> {
  const dependencies = { ...template.dependencies, [name]: `file:${tarball}` };
  app.writeJson('package.json', { ...template, dependencies });
  await app.install('--legacy-peer-deps');
}

/** What React Native's command line makes of the package for both platforms. */
async function findInApp(name: string): Promise<void> {
  const { dependencies } = JSON.parse(await app.node('react-native/cli.js', 'config'));
  const { platforms } = dependencies[name];
  assert.match(platforms.ios.podspecPath, /react-native-spki-pinning\.podspec$/);
  assert.equal(platforms.android.packageImportPath, 'import com.spkipinning.SpkiPinningPackage;');
}

/** Bundles a file as a release build does, compiles it to Hermes's bytecode, and returns the bundle. */
async function bundle(entry: string, platform: string): Promise<string> {
  const output = `bundle.${platform}.js`;
  const what = ['--platform', platform, '--entry-file', entry, '--bundle-output', output];
  await app.node('react-native/cli.js', 'bundle', '--dev', 'false', ...what);
  const bytecode = `${output}.hbc`;
  await app.succeed(app.path(hermesc()), '-w', '-O', '-emit-binary', '-out', bytecode, output);
  const magic = readFileSync(app.path(bytecode)).subarray(0, 8);
  assert.equal(magic.toString('hex'), 'c61fbc03c103191f', 'Hermes bytecode');
  return app.read(output);
}

/** The compiler that comes with the app's React Native. */
function hermesc(): string {
  const program = { linux: 'linux64-bin/hermesc', darwin: 'osx-bin/hermesc', win32: 'win64-bin/hermesc.exe' };
  const { platform } = process;
  assert.ok(platform === 'linux' || platform === 'darwin' || platform === 'win32', platform);
  return `node_modules/hermes-compiler/hermesc/${program[platform]}`;
}

await install(NAME);

test('React Native finds both platforms', () => findInApp(NAME));

test('codegen makes the native interface, and registers the classes of iOS', async () => {
  await app.node('react-native/scripts/generate-codegen-artifacts.js', '-p', '.', '-t', 'ios', '-o', 'out');
  const generated = (path: string) => app.read(`out/build/generated/ios/ReactCodegen/${path}`);
  const providers = generated('RCTModuleProviders.mm');
  assert.match(providers, /@"SpkiPinning": @"SpkiPinningModule"/);
  assert.match(providers, /@"WebSocketModule": @"SPKWebSocketModule"/);
  assert.match(generated('RCTModulesConformingToProtocolsProvider.mm'), /SPKRequestHandler/);
  assert.match(generated('RNSpkiPinningSpec/RNSpkiPinningSpec.h'), /NativeSpkiPinningSpecBase/);
});

const APP = `import { AppRegistry } from 'react-native';
import { initializeSslPinning, isSslPinningAvailable, useSslPinningErrorListener } from '${NAME}';
AppRegistry.registerComponent('app', () => () => {
  useSslPinningErrorListener(({ message }) => console.warn(message));
  return null;
});
if (isSslPinningAvailable()) initializeSslPinning({ 'example.com': { publicKeyHashes: [] } });
require('${NAME}').getSslPinningStatus();
`;

for (const platform of PLATFORMS) {
  test(`Metro and Hermes make a bundle for ${platform}, with one copy of the package in it`, async () => {
    app.write('entry.js', APP);
    const code = await bundle('entry.js', platform);
    assert.equal(code.split('E_SSL_PINNING_UNAVAILABLE').length - 1, 1);
    assert.doesNotMatch(code, /build\/node/, 'nothing of the entry for Node');
  });
}

test("Jest, with React Native's preset, has the mock", async () => {
  app.write(
    'jest.config.js',
    `module.exports = { preset: '@react-native/jest-preset', setupFiles: ['${NAME}/jest/setup'] };`,
  );
  app.write(
    '__tests__/pinning.test.js',
    `import { initializeSslPinning, isSslPinningAvailable } from '${NAME}';
import { getSslPinningConfiguration } from '${NAME}/jest';
test('pins', async () => {
  expect(isSslPinningAvailable()).toBe(true);
  await expect(initializeSslPinning({ 'https://example.com': { publicKeyHashes: [] } })).rejects.toThrow('not valid');
  await initializeSslPinning({ 'example.com': { publicKeyHashes: ['AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA='] } });
  expect(Object.keys(getSslPinningConfiguration().domains)).toEqual(['example.com']);
  expect(require('${NAME}').initializeSslPinning).toBe(initializeSslPinning);
});`,
  );
  await app.node('jest/bin/jest.js', 'pinning');
});

test(`an app of ${REPLACED} runs on`, async (t) => {
  await install(REPLACED);
  assert.ok(!app.has(`node_modules/${NAME}`));

  await t.test('React Native finds both platforms', () => findInApp(REPLACED));

  await t.test('its published examples, unchanged, are right by their types', async () => {
    app.write('examples.tsx', publishedExamples());
    app.writeJson('tsconfig.examples.json', { extends: './tsconfig.json', include: ['examples.tsx'] });
    await app.node('typescript/bin/tsc', '--noEmit', '-p', 'tsconfig.examples.json');
  });

  for (const platform of PLATFORMS) {
    await t.test(`they are bundled for ${platform}`, async () => {
      app.write('examples-entry.js', "import './examples';\n");
      assert.match(await bundle('examples-entry.js', platform), /E_SSL_PINNING_UNAVAILABLE/);
    });
  }
});

/** The code of that package's README: what is to be imported first, the rest where an app has it. */
function publishedExamples(): string {
  const published = new URL(`../../node_modules/${REPLACED}/`, import.meta.url);
  const { version } = JSON.parse(readFileSync(new URL('package.json', published), 'utf8'));
  assert.equal(version, '1.2.6');
  const text = readFileSync(new URL('README.md', published), 'utf8');
  const codeOf = (heading: string) => {
    const code = new RegExp(`^### ${heading}\\n+\`\`\`js\\n([^]*?)^\`\`\``, 'm').exec(text)?.[1];
    assert.ok(code !== undefined, `there is no ${heading}`);
    const imports = code.match(/^import .*$/gm) ?? [];
    assert.ok(imports.join().includes(`'${REPLACED}'`));
    return { imports, body: code.replace(/^import .*$/gm, '') };
  };
  const pinning = codeOf('Pinning Example');
  const listener = codeOf('Listener Example');
  return `import { useEffect } from 'react';
import { AppRegistry } from 'react-native';
${[...pinning.imports, ...listener.imports].join('\n')}
async function start() {
${pinning.body}
return response.status;
}
function App() {
${listener.body}
return null;
}
start();
AppRegistry.registerComponent('app', () => App);
`;
}
