/** The entry for React Native: what it says where the native part is missing, and to a developer. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { helpFor } from '../src/help.js';
import type { Outcome, Scenario } from './react-native-app.js';
import { WRONG_PIN } from './testbed.js';

const OTHER_PIN = 'r/mIkG3eEpVdm+u/ko/cwxzOMo1bk4TyHIlByibiA5E=';
const PLACEHOLDER = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
const SINGLE = { 'example.com': { publicKeyHashes: [WRONG_PIN] } };

function run(scenario: Partial<Scenario>): Outcome {
  const whole: Scenario = { os: 'ios', native: 'engine', dev: true, configurations: [], ...scenario };
  const program = fileURLToPath(new URL('react-native-app.ts', import.meta.url));
  const args = ['--import', import.meta.resolve('tsx'), program];
  const env = { ...process.env, TEST_APP: JSON.stringify(whole) };
  return JSON.parse(execFileSync(process.execPath, args, { env, encoding: 'utf8' }));
}

test('a development build is told once what to mend, with what to do', () => {
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);
  const more = {
    ...SINGLE,
    'example.org': { publicKeyHashes: [PLACEHOLDER, OTHER_PIN], expirationDate: tomorrow },
  };
  const { available, printed, rejections } = run({ configurations: [SINGLE, SINGLE, more, more, {}] });
  assert.deepEqual([available, rejections, printed.length], [true, [], 3]);
  assert.match(
    printed[0] ?? '',
    /in force, but .*\n {2}\/example\.com\/publicKeyHashes: .*one pin.*spare key/,
  );
  assert.doesNotMatch(printed[1] ?? '', /example\.com/);
  assert.match(printed[1] ?? '', /\/example\.org\/publicKeyHashes\/0: .* placeholder.*: replace it/);
  assert.match(printed[1] ?? '', /\/example\.org\/expirationDate: .* expire on .*: ship an update/);
  assert.match(printed[2] ?? '', /no longer enforces the pins of example\.com, example\.org, .*: give them/);
});

test('a release build is told nothing, nor is who does everything right', () => {
  assert.deepEqual(run({ dev: false, configurations: [SINGLE] }).printed, []);
  const good = { 'example.com': { publicKeyHashes: [WRONG_PIN, OTHER_PIN] } };
  assert.deepEqual(run({ configurations: [good] }).printed, []);
});

test('a development build and a release build take, refuse and pin the same', () => {
  const configurations = [SINGLE, { 'https://example.com': { publicKeyHashes: [WRONG_PIN] } }, {}, SINGLE];
  const [development, release] = [true, false].map((dev) => run({ dev, configurations }));
  assert.ok(
    development?.printed.length && development.rejections.length === 1 && development.domains.length === 1,
  );
  assert.deepEqual({ ...development, printed: [] }, release);
});

test('a fetch of Expo that goes by the pins is named once, where anything is pinned', () => {
  const expo = { native: 'engine', surroundings: { expo: { modules: { ExpoFetchModule: {} } } } } as const;
  const good = { 'example.com': { publicKeyHashes: [WRONG_PIN, OTHER_PIN] } };
  const { printed } = run({ ...expo, stacks: ['fetch'], configurations: [{}, good, good] });
  assert.equal(printed.length, 1);
  assert.match(printed[0] ?? '', /before you ship it:\n {2}Expo's fetch .* be checked: upgrade Expo, or/);
  for (const quiet of [
    { ...expo, stacks: ['fetch', 'expo-fetch'] },
    { ...expo, stacks: ['fetch'], dev: false },
    { native: 'engine', stacks: ['fetch'] } as const,
  ])
    assert.deepEqual(run({ ...quiet, configurations: [good] }).printed, []);
});

test('without the native part nothing throws at import, and every call says why', () => {
  const { available, printed, rejections } = run({ native: 'absent', configurations: [SINGLE] });
  assert.deepEqual([available, printed], [false, []]);
  assert.match(rejections.join(), /doesn't seem to be linked[\s\S]*pod install[\s\S]*rebuilt the app/);
});

test('Expo Go is named, with what to use in its place', () => {
  const surroundings = { expo: { modules: { ExpoGo: {} } } };
  const { rejections } = run({ os: 'android', native: 'absent', surroundings, configurations: [SINGLE] });
  assert.match(rejections.join(), /Expo Go cannot load.*npx expo run:android/);
});

test('the old architecture is named, also where it hands out half a module', () => {
  const surroundings = { __fbBatchedBridgeConfig: {} };
  const { available, rejections } = run({
    native: 'without-events',
    surroundings,
    configurations: [SINGLE],
  });
  assert.equal(available, false);
  assert.match(
    rejections.join(),
    /needs React Native's new architecture.*RCT_NEW_ARCH_ENABLED=1 pod install/,
  );
  assert.match(helpFor('android', surroundings), /newArchEnabled=true/);
  assert.match(helpFor('android', { ...surroundings, __turboModuleProxy: () => null }), /to be linked/);
});

test('in Jest the mock is named', () => {
  assert.match(
    helpFor('ios', { process: { env: { JEST_WORKER_ID: '1' } } }),
    /react-native-spki-pinning\/jest/,
  );
  assert.doesNotMatch(helpFor('android', { process: {} }), /Jest|pod install/);
});
