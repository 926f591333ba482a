/** The tarball itself, and a folder with nothing else in it, as plain npm brings the package there. */
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { machinePaths } from '../../scripts/lib/anonymous.mjs';
import { otherNode } from '../../scripts/lib/tools.mjs';
import { NAME, Project } from './tarball.js';

/**
 * What the package may weigh in MB, unpacked: with one Node add-on, of this machine, and without the phones' libraries, which
 * only a release has. `npm run size` looks after those. A ninth of the text are the Swift bindings, where they have been made.
 */
const BUDGET = { text: 0.85, addon: 5.8 };

const NODE_OF_ENGINES = '20.12.0';

const project = new Project('pack');
after(() => project.remove());

const tarball = await project.pack();
const paths = tarball.files.map(({ path }) => path);
const unpacked = `node_modules/${NAME}`;
project.writeJson('package.json', { name: 'consumer', private: true });
await project.install(`./${tarball.file}`);
const manifest = JSON.parse(project.read(`${unpacked}/package.json`));

function isNative(path: string): boolean {
  return /\.node$|^android\/src\/main\/jniLibs\/|^ios\/SpkiPinning\.xcframework\//.test(path);
}

test('it has what it is made of, and nothing else', () => {
  const isOf = (path: string) => path.split('/').slice(0, 2).join('/');
  const entries = new Set(paths.filter((path) => !isNative(path)).map(isOf));
  const docs = paths.filter((path) => path.startsWith('docs/'));
  assert.deepEqual([...entries].filter((path) => !docs.includes(path)).sort(), [
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'android/build.gradle',
    'android/consumer-rules.pro',
    'android/src',
    'app.plugin.d.ts',
    'app.plugin.js',
    'ios/Apple',
    'ios/Core',
    'ios/FFI',
    ...[...entries].filter((path) => path === 'ios/Generated'), // by `npm run build:ios`
    'ios/PrivacyInfo.xcprivacy',
    'js/src',
    'lib/cli',
    'lib/expo',
    'lib/jest',
    'lib/node',
    'lib/src',
    'lib/web',
    'package.json',
    'react-native-spki-pinning.podspec',
  ]);
  assert.ok(docs.length > 5 && docs.every((path) => path.endsWith('.md')));
  assert.ok(paths.includes(`build/node/spki-pinning.${process.platform}-${process.arch}.node`));
  const foreign =
    /(^|\/)(tests?|testing|target|node_modules|\.build)\/|[Tt]ests?\.\w+$|\.(rs|map|tsbuildinfo)$/;
  assert.deepEqual(
    paths.filter((path) => foreign.test(path)),
    [],
  );
});

test('it weighs what it may', () => {
  const size = (isCounted: (path: string) => boolean) =>
    tarball.files.filter(({ path }) => isCounted(path)).reduce((sum, file) => sum + file.size, 0) / 1e6;
  const addons = paths.filter((path) => path.endsWith('.node')).length;
  const text = size((path) => !isNative(path));
  const addon = size((path) => path.endsWith('.node')) / addons;
  console.log(`text ${text.toFixed(2)} MB, add-on ${addon.toFixed(2)} MB, packed ${tarball.size / 1e6} MB`);
  assert.ok(text < BUDGET.text, `the text weighs ${text} MB`);
  assert.ok(addon < BUDGET.addon, `an add-on weighs ${addon} MB`);
});

test('no file tells where it was built', () => {
  const telling = paths.flatMap((path) =>
    machinePaths(readFileSync(project.path(join(unpacked, path)))).map((found) => `${path}: ${found}`),
  );
  assert.deepEqual(telling, []);
});

test('every path of package.json is in it', () => {
  const { exports, bin, main, types, 'react-native': reactNative, codegenConfig } = manifest;
  const pathsIn = (value: unknown): string[] =>
    typeof value === 'string' ? [value] : Object.values(value as object).flatMap(pathsIn);
  const named = pathsIn({ exports, bin, main, types, reactNative }).map((path) => path.replace(/^\.\//, ''));
  assert.ok(named.length > 9);
  assert.deepEqual(
    named.filter((path) => !paths.includes(path)),
    [],
  );
  assert.ok(paths.includes(`${codegenConfig.jsSrcsDir}/NativeSpkiPinning.ts`));
});

test('what is compiled asks for nothing but Node, the peers and itself', () => {
  const known = [...builtinModules.map((name) => `node:${name}`), ...Object.keys(manifest.peerDependencies)];
  const asked = paths
    .filter((path) => /^lib\/.*\.c?js$|^app\.plugin\.js$/.test(path))
    .flatMap((path) => [...project.read(join(unpacked, path)).matchAll(/\brequire\("([^".][^"]*)"\)/g)])
    .map(([, name = '']) => name);
  assert.ok(asked.includes('react-native') && asked.includes('node:tls'));
  assert.deepEqual(
    asked.filter((name) => !known.includes(name)),
    [],
  );
});

test('publint and Are The Types Wrong find nothing', async () => {
  await project.tool('publint/src/cli.js', 'run', tarball.file, '--strict');
  await project.tool('@arethetypeswrong/cli/dist/index.js', tarball.file, '--profile', 'node16');
});

test('import and require give the same engine', async () => {
  project.write(
    'both.mjs',
    `import { createRequire } from 'node:module';
import * as imported from '${NAME}';
import { getSslPinningStatus, initializeSslPinning, isSslPinningAvailable, SslPinningError } from '${NAME}';
const required = createRequire(import.meta.url)('${NAME}');
for (const name of Object.keys(required)) {
  if (imported[name] !== required[name]) throw new Error(name + ' is another one by import');
}
if (!isSslPinningAvailable() || typeof SslPinningError !== 'function') throw new Error('not available');
`,
  );
  project.write(
    'state.mjs',
    `import { createRequire } from 'node:module';
import { getSslPinningStatus, initializeSslPinning } from '${NAME}';
await initializeSslPinning({ 'example.com': { publicKeyHashes: ['AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA='] } });
const status = await createRequire(import.meta.url)('${NAME}').getSslPinningStatus();
console.log(JSON.stringify([status.generation, status.domains[0].domain, await getSslPinningStatus()]));
`,
  );
  await project.succeed(process.execPath, 'both.mjs');
  const [generation, domain, status] = JSON.parse(await project.succeed(process.execPath, 'state.mjs'));
  assert.deepEqual([generation, domain], [status.generation, 'example.com']);
});

test('the mock, which wants React, is one as well', async () => {
  await project.install(`react@${manifest.devDependencies.react}`);
  project.write(
    'mock.mjs',
    `import { createRequire } from 'node:module';
import { emitSslPinningError, getSslPinningConfiguration } from '${NAME}/jest';
const required = createRequire(import.meta.url)('${NAME}/jest');
if (emitSslPinningError !== required.emitSslPinningError) throw new Error('there are two');
if (getSslPinningConfiguration() !== null) throw new Error('something is pinned');
`,
  );
  await project.succeed(process.execPath, 'mock.mjs');
});

test(`Node ${NODE_OF_ENGINES}, which cannot require ES modules, has the API, the commands and the plugin`, async () => {
  assert.equal(manifest.engines.node, '>=20.12');
  const node = await otherNode(NODE_OF_ENGINES);
  await project.succeed(node, 'both.mjs');
  await project.succeed(node, 'state.mjs');
  const cli = join(unpacked, manifest.bin[NAME]);
  assert.equal((await project.succeed(node, cli, '--version')).trim(), manifest.version);
  const plugin = `require('${NAME}/app.plugin.js')`;
  assert.equal(await project.succeed(node, '-p', `typeof ${plugin}`), 'function\n');
});

test('the command line runs by its name', async () => {
  project.writeJson('ssl-pinning.json', {
    domains: { 'example.com': { publicKeyHashes: ['AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA='] } },
  });
  const checked = JSON.parse(await project.npm('exec', '--', NAME, 'check', 'ssl-pinning.json', '--json'));
  assert.equal(checked.ok, true);
  const command = statSync(project.path(join(unpacked, manifest.bin[NAME])));
  assert.ok(command.mode & 0o100 || process.platform === 'win32');
});

const TYPED = `import { getSslPinningStatus, initializeSslPinning, type PinningOptions, SslPinningConfigError } from '${NAME}';
import { emitSslPinningError } from '${NAME}/jest';
import '${NAME}/jest/setup';
import plugin, { type SslPinningPluginOptions } from '${NAME}/app.plugin.js';

export const options: PinningOptions = { 'example.com': { publicKeyHashes: ['a'] } };
export const done: Promise<void> = initializeSslPinning(options, { requireBackupPin: true });
export const generation: Promise<number> = getSslPinningStatus().then((status) => status.generation);
export const problems = (error: SslPinningConfigError): string[] => error.problems.map(({ code }) => code);
export const host: string = emitSslPinningError({ serverHostname: 'example.com' }).serverHostname;
export const config = plugin({ name: 'app', slug: 'app' }, { nativeLayer: true } satisfies SslPinningPluginOptions);
// @ts-expect-error: there is no such option
initializeSslPinning({ 'example.com': { hashes: [] } });
`;

const REQUIRED = `import pinning = require('${NAME}');
import plugin = require('${NAME}/app.plugin.js');
export const done: Promise<void> = pinning.initializeSslPinning({});
export const config: object = plugin({ name: 'app', slug: 'app' });
`;

for (const [resolution, files] of Object.entries({
  nodenext: { 'import.mts': TYPED, 'require.cts': REQUIRED },
  bundler: { 'app.ts': TYPED },
})) {
  test(`the types are right where TypeScript resolves modules by ${resolution}`, async () => {
    for (const [name, content] of Object.entries(files)) project.write(`${resolution}/${name}`, content);
    const compilerOptions = {
      strict: true,
      noEmit: true,
      target: 'es2022',
      types: [],
      module: resolution === 'bundler' ? 'esnext' : resolution,
      moduleResolution: resolution,
    };
    project.writeJson(`${resolution}/tsconfig.json`, { compilerOptions });
    await project.tool('typescript/bin/tsc', '-p', resolution);
  });
}
