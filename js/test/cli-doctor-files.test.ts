/** What `doctor` finds in an app's files: its Expo configuration, pods, flavors, copies without a source. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { doctor, GOOD, goodApp } from './cli-doctor-support.js';
import { CONFIGURATION } from './cli-embed-support.js';
import { cli } from './cli-support.js';

/** Expo's own reader, as far as doctor uses it. */
const EXPO = {
  'node_modules/expo/config.js': `exports.getConfig = (root, options) => {
    const exp = require(root + '/app.config.js');
    if (options.skipPlugins) delete exp.plugins;
    return { exp };
  };`,
};

test('an Expo configuration that is code is read by Expo, whatever it prints', async () => {
  const app = await goodApp({ ...GOOD, expo: '56.0.23' });
  for (const [path, content] of Object.entries(EXPO)) app.write(path, content);
  app.write('app.json', '{"expo":{"plugins":["react-native-spki-pinning"]}}');
  const cases: [config: string, warnings: string[]][] = [
    ['module.exports = { plugins: [] }', ['no-plugin']],
    ["console.log('hello'); module.exports = { plugins: ['react-native-spki-pinning'] }", []],
    ["setInterval(() => {}, 1000); module.exports = { plugins: [['withSslPinning', {}]] }", []],
    ["module.exports = { newArchEnabled: false, plugins: ['expo-font', 'react-native-spki-pinning'] }", []],
  ];
  for (const [config, warnings] of cases) {
    app.write('app.config.js', config);
    const run = await doctor(app);
    assert.deepEqual([run.code, run.warnings], [0, warnings], config);
  }
  app.write(
    'app.config.js',
    "module.exports = { plugins: [['react-native-spki-pinning', { config: 'p.json' }]] }",
  );
  const { errors, findings } = await doctor(app);
  assert.deepEqual(errors, ['source-missing']);
  assert.ok(findings.some(({ message }) => /embeds p\.json, which is not there/.test(message)));
});

test('an Expo configuration that cannot be seen is said to be so, with why', async () => {
  const app = await goodApp({ ...GOOD, expo: '56.0.23' });
  const unseen = async () => {
    const { code, warnings, findings } = await doctor(app);
    assert.deepEqual([code, warnings], [0, []], 'it may be good');
    return findings.find(({ code }) => code === 'expo-config-unknown');
  };
  app.write('app.config.ts', "throw new Error('API_URL is not set');");
  assert.match(
    (await unseen())?.message ?? '',
    /^app\.config\.ts cannot be seen, .*Cannot find module 'expo\/config'/,
  );
  for (const [path, content] of Object.entries(EXPO)) app.write(path, content.replace(".js')", ".ts')"));
  const { message, suggestion } = (await unseen()) ?? {};
  assert.match(message ?? '', /: Error: API_URL is not set$/);
  assert.match(suggestion ?? '', /`npx expo config`/);
});

test('pods from before the package was installed are warned of', async () => {
  const app = await goodApp();
  app.write('ios/Podfile.lock', 'PODS:\n  - hermes-engine (0.87.1)\n');
  assert.deepEqual((await doctor(app)).warnings, ['pods-stale']);
});

test('a flavor that carries something else is named', async () => {
  const app = await goodApp();
  app.write('android/app/src/play/assets/ssl-pinning.json', CONFIGURATION);
  app.write('android/app/src/staging/assets/ssl-pinning.json', '{}');
  app.write('android/app/src/notes.txt', '');
  const { code, warnings, findings } = await doctor(app);
  assert.deepEqual([code, warnings], [0, ['embedded-overridden']]);
  const { message, suggestion } = findings.find(({ severity }) => severity === 'warning') ?? {};
  assert.match(message ?? '', /source set of android\/app\/src\/staging\/assets/);
  assert.match(suggestion ?? '', /^npx react-native-spki-pinning check android\/app\/src\/staging/);
});

test('a copy on iOS alone is found without its source too', async () => {
  const app = await goodApp();
  rmSync(app.path('ssl-pinning.json'));
  rmSync(app.path('android'), { recursive: true });
  const { warnings, findings } = await doctor(app);
  assert.deepEqual(warnings, ['source-missing']);
  assert.ok(findings.some(({ message }) => message.includes('ios/My App/ssl-pinning.json')));
});

test('files are read as npm and Expo read them: with a byte order mark, and comments in app.json', async () => {
  const app = await goodApp({ ...GOOD, expo: '56.0.23' });
  app.write('package.json', `\ufeff${app.read('package.json')}`);
  app.write(
    'node_modules/expo/config.js',
    "exports.getConfig = () => ({ exp: { plugins: ['react-native-spki-pinning'] } });",
  );
  app.write('app.json', '{ "expo": { "plugins": ["react-native-spki-pinning"], } } // mine');
  const { code, warnings, errors } = await doctor(app);
  assert.deepEqual([code, warnings, errors], [0, [], []]);
  app.write('package.json', '{');
  assert.match((await cli(['doctor', app.directory])).stderr, /package\.json is not JSON/);
});
