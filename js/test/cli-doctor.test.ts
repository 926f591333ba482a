import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { doctor, GOOD, goodApp, packages } from './cli-doctor-support.js';
import { bareApp, CONFIGURATION } from './cli-embed-support.js';
import { cli } from './cli-support.js';

test('an app that is set up has nothing to complain about', async () => {
  const app = await goodApp();
  const before = app.files();
  const { code, json, errors, warnings } = await doctor(app);
  assert.deepEqual([code, json.ok, errors, warnings], [0, true, [], []]);
  const human = await cli(['doctor', app.directory]);
  assert.match(human.stdout, /ok +React Native 0\.87\.1\n/);
  assert.match(human.stdout, /nothing to complain about\n$/);
  assert.deepEqual(app.files(), before, 'nothing is written');
});

test('every error and warning says what to do', async () => {
  const app = bareApp({
    ...packages({
      'react-native': '0.71.0',
      'react-native-ssl-public-key-pinning': '1.2.6',
      'react-native-ssl-pinning': '1',
    }),
    'ssl-pinning.json':
      '{"domains":{"a.test":{"publicKeyHashes":["AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="]}}}',
  });
  const { code, findings, errors, warnings } = await doctor(app);
  assert.equal(code, 1);
  assert.deepEqual(errors.sort(), [
    'embedded-differs',
    'embedded-differs',
    'not-installed',
    'react-native-too-old',
    'rival',
  ]);
  assert.deepEqual(warnings.sort(), ['no-backup-pin', 'rival']);
  for (const { severity, suggestion } of findings) assert.ok(severity === 'note' || suggestion);
});

test('a configuration with errors is named with all of them, as check does', async () => {
  const app = await goodApp();
  app.write('ssl-pinning.json', '{"domains":{"https://a.test":{"publicKeyHashes":[]}}}');
  const { code, errors, findings } = await doctor(app);
  assert.deepEqual([code, errors.sort()], [1, ['domain-is-url', 'pins-empty']]);
  assert.ok(findings.some(({ message }) => message.startsWith('ssl-pinning.json /domains/')));
});

test('a copy that is not the source any more is an error, on the platform that has it', async () => {
  const app = await goodApp();
  app.write('android/app/src/main/assets/ssl-pinning.json', CONFIGURATION.replace('api.', 'www.'));
  const { code, errors, findings } = await doctor(app);
  assert.deepEqual([code, errors], [1, ['embedded-differs']]);
  const finding = findings.find(({ severity }) => severity === 'error');
  assert.match(
    finding?.message ?? '',
    /the android app .*: android\/app\/src\/main\/assets\/ssl-pinning\.json/,
  );
  assert.equal(finding?.suggestion, 'npx react-native-spki-pinning embed ssl-pinning.json');
});

test('an app that pins from JavaScript alone is told what it misses; one with a copy and no source is warned', async () => {
  for (const [app, code] of [
    [bareApp(packages(GOOD)), 'not-embedded'],
    [await goodApp(), 'source-missing'],
  ] as const) {
    rmSync(join(app.directory, 'ssl-pinning.json'));
    app.write('App.js', 'initializeSslPinning(pins);');
    const { code: exitCode, findings } = await doctor(app);
    assert.equal(exitCode, 0);
    assert.ok(findings.some((finding) => finding.code === code));
  }
});

test('the alias of the replaced package is good, both names together are not', async () => {
  const alias = { name: 'react-native-spki-pinning', version: '0.1.0' };
  const aliased = await doctor(
    await goodApp({ 'react-native': '0.87.1', 'react-native-ssl-public-key-pinning': alias }),
  );
  assert.deepEqual([aliased.code, aliased.errors], [0, []]);
  const both = await doctor(await goodApp({ ...GOOD, 'react-native-ssl-public-key-pinning': alias }));
  assert.deepEqual([both.code, both.errors], [1, ['installed-twice']]);
});

test('TrustKit in the pods, an old architecture and an untried React Native are named', async () => {
  const app = await goodApp({ ...GOOD, 'react-native': '0.79.0' });
  app.write('ios/Podfile.lock', 'PODS:\n  - react-native-spki-pinning (0.1.0):\n  - TrustKit (3.0.7)\n');
  app.write('android/gradle.properties', 'newArchEnabled=false\n');
  const { code, errors, warnings } = await doctor(app);
  assert.deepEqual([code, errors, warnings], [1, ['react-native-too-old', 'old-architecture'], ['rival']]);
  assert.deepEqual((await doctor(await goodApp({ ...GOOD, 'react-native': '0.99.0' }))).warnings, [
    'react-native-untried',
  ]);
});

test('network stacks are named with where they are covered', async () => {
  const app = await goodApp({
    ...GOOD,
    axios: '1.0.0',
    'expo-image': '56.0.0',
    'react-native-webview': '13.0.0',
  });
  const { json } = await doctor(app);
  const covered = json.stacks.map(
    ({ name, android, ios }: { name: string; android: boolean; ios: boolean }) => [name, android, ios],
  );
  assert.deepEqual(covered, [
    ['react-native', true, true],
    ['axios', true, true],
    ['expo-image', true, false],
    ['react-native-webview', false, false],
  ]);
  const { stdout } = await cli(['doctor'], { cwd: app.directory });
  assert.match(stdout, /^ {2}not covered +react-native-webview: web views connect by themselves$/m);
  assert.match(stdout, /see docs\/own-clients\.md/);
});

test('the word of the React Native command line on linking is passed on', async () => {
  const cases: [string, string, string[]][] = [
    ['{ android: {}, ios: {} }', '0', []],
    ['{ android: {}, ios: null }', '0', ['not-linked']],
    ['{}', '1', []],
  ];
  for (const [platforms, exitCode, errors] of cases) {
    const app = await goodApp({ ...GOOD, '@react-native-community/cli': '20.0.0' });
    app.write(
      'node_modules/@react-native-community/cli/build/bin.js',
      `console.log(JSON.stringify({ dependencies: { x: { name: 'react-native-spki-pinning', platforms: ${platforms} } } }));
      process.exitCode = ${exitCode};`,
    );
    const run = await doctor(app);
    assert.deepEqual(run.errors, errors);
    const isUnknown = run.findings.some(({ code }) => code === 'autolinking-unknown');
    assert.equal(isUnknown, exitCode === '1');
  }
});

test('an Expo app without the config plugin is warned, and with it the file that it names counts', async () => {
  const app = await goodApp({ ...GOOD, expo: '56.0.23' });
  app.write('app.json', '{"expo":{"name":"x","plugins":[]}}');
  assert.deepEqual((await doctor(app)).warnings, ['no-plugin']);
  app.write('app.json', '{"expo":{"plugins":[["react-native-spki-pinning",{"config":"./pins.json"}]]}}');
  app.write('pins.json', CONFIGURATION.replace('api.', 'www.'));
  const { errors, findings } = await doctor(app);
  assert.deepEqual(errors, ['embedded-differs', 'embedded-differs']);
  assert.ok(findings.some(({ suggestion }) => suggestion === 'npx expo prebuild'));
});

test('where there is no app, there is no verdict', async () => {
  const { code, stderr } = await cli(['doctor', '/']);
  assert.match(stderr, /no package\.json in \/\n {2}-> run it in the root of the app/);
  assert.equal(code, 2);
  assert.equal((await cli(['doctor', 'a', 'b'])).code, 2);
});
