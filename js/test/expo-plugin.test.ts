/** The config plugin without Expo: what it does with options, errors and files. `tests/package` has it in a real app. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { applyAndroidRules } from '../expo/android-rules.js';
import type { ConfigPlugins, ExpoConfig } from '../expo/config-plugins.js';
import { withRules } from '../expo/network-security-config.js';
import type { AndroidRule } from '../expo/platform-rules.js';
import { type SslPinningPluginOptions, withSslPinning } from '../expo/plugin.js';
import {
  ANDROID_COPY,
  bareApp,
  CONFIGURATION,
  IOS_COPY,
  PIN,
  PROJECT,
  type TestApp,
} from './cli-embed-support.js';

/** Collects what a plugin wants done, and does it when it is asked to; XML is JSON here. */
const EXPO = `
const { readFileSync } = require('node:fs');
const add = (config, platform, action) => ({ ...config, actions: [...(config.actions ?? []), { platform, action }] });
exports.withFinalizedMod = (config, [platform, action]) => add(config, platform, action);
exports.withInfoPlist = (config, action) => add(config, 'ios', action);
exports.WarningAggregator = { addWarningAndroid() {}, addWarningIOS() {} };
exports.XML = { readXMLAsync: async ({ path, fallback }) => ({ manifest: { application: [{ $: {} }] } }) };
`;

function expoApp(files: Readonly<Record<string, string>> = {}): TestApp {
  return bareApp({ 'package.json': '{}', 'node_modules/expo/config-plugins.js': EXPO, ...files });
}

/** What prebuild does with the plugin in an app's configuration. */
async function prebuild(app: TestApp, options?: unknown): Promise<void> {
  const config: ExpoConfig = { name: 'x', slug: 'x', _internal: { projectRoot: app.directory } };
  const { actions } = withSslPinning(config, options as SslPinningPluginOptions);
  for (const { platform, action } of actions) {
    const modRequest = { projectRoot: app.directory, platformProjectRoot: app.path(platform) };
    await action({ ...config, modRequest, modResults: {} });
  }
}

test('the file may be named by any path, from anywhere', async () => {
  for (const place of ['ssl-pinning.json', './ssl-pinning.json', '../shared-pins.json', 'absolute']) {
    const app = expoApp();
    writeFileSync(app.path('../shared-pins.json'), CONFIGURATION);
    await prebuild(app, { config: place === 'absolute' ? app.path('ssl-pinning.json') : place });
    assert.deepEqual([app.read(ANDROID_COPY), app.read(IOS_COPY)], [CONFIGURATION, CONFIGURATION]);
    const files = app.files();
    await prebuild(app);
    assert.deepEqual(app.files(), files, 'the second time changes nothing');
  }
});

test('options that are not what they should be are named, with what was probably meant', async () => {
  for (const [options, expected] of [
    [{ nativLayer: true }, /there is no option nativLayer, did you mean nativeLayer\?/],
    [{ config: () => './ssl-pinning.json' }, /config must be the path of a file/],
    [{ nativeLayer: () => true }, /nativeLayer must be an object/],
    [{ nativeLayer: { caPins: [() => PIN] } }, /nativeLayer\.caPins must be a list of pins/],
    ['./ssl-pinning.json', /the options must be an object/],
    [['./ssl-pinning.json'], /the options must be an object/],
  ] as const) {
    await assert.rejects(prebuild(expoApp(), options), expected);
  }
  await prebuild(expoApp(), { config: undefined, nativeLayer: undefined });
});

test('what stops prebuild says who, why, and what to do', async () => {
  const by = /^Error: react-native-spki-pinning: /;
  for (const [files, expected] of [
    [{ [PROJECT]: '<plist/>' }, /cannot be changed: .*\n-> in Xcode, add ssl-pinning\.json/],
    [{ 'ssl-pinning.json': '{"domains":{"https://a.test":{}}}' }, /is not valid, .*\n[\s\S]*-> /],
    [{ [`${ANDROID_COPY}/x`]: '' }, /cannot be read: .*\n-> /],
  ] as const) {
    const error = await prebuild(expoApp(files)).catch(String);
    assert.match(String(error), by);
    assert.match(String(error), expected);
  }
});

const RULE: AndroidRule = { domain: 'a.test', includeSubdomains: false, pins: [PIN], expirationDate: null };

/** Of the source sets of an app. */
class Sources {
  readonly app = bareApp();
  readonly xml: ConfigPlugins['XML'] = {
    readXMLAsync: async ({ path, fallback }) =>
      existsSync(path) && !path.endsWith('.txt')
        ? JSON.parse(readFileSync(path, 'utf8'))
        : fallback?.startsWith('<manifest')
          ? { manifest: '' }
          : { 'network-security-config': '' },
    writeXMLAsync: async ({ path, xml }) => {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, JSON.stringify(xml));
    },
  };

  constructor(files: Readonly<Record<string, object>>) {
    this.manifest('main', {});
    for (const [path, content] of Object.entries(files)) this.write(path, content);
  }

  write(path: string, content: object): void {
    this.app.write(join('android/app/src', path), JSON.stringify(content));
  }

  manifest(set: string, $: object): this {
    this.write(`${set}/AndroidManifest.xml`, { manifest: { application: [{ $ }] } });
    return this;
  }

  apply(rules: readonly AndroidRule[]): Promise<void> {
    return applyAndroidRules(this.app.path('android'), rules, this.xml);
  }

  /** The source sets and files that have pins. */
  pinned(): string[] {
    return Object.entries(this.app.files())
      .filter(([, content]) => content.includes(PIN) && content.includes('digest'))
      .map(([path]) => path.replace('android/app/src/', '').replace('/res/xml', ''));
  }
}

test('a flavor that names a file of its own has the pins too, and gives them back', async () => {
  const own = { 'network-security-config': { 'debug-overrides': [{ 'trust-anchors': [''] }] } };
  const sources = new Sources({ 'main/res/xml/rules.xml': own, 'staging/res/xml/staging_rules.xml': own });
  sources.manifest('main', { 'android:networkSecurityConfig': '@xml/rules' }).manifest('staging', {
    'tools:replace': 'android:networkSecurityConfig',
    'android:networkSecurityConfig': '@xml/staging_rules',
  });
  const before = sources.app.files();
  await sources.apply([RULE]);
  assert.deepEqual(sources.pinned(), ['main/rules.xml', 'staging/staging_rules.xml']);
  await sources.apply([]);
  assert.deepEqual(sources.pinned(), []);
  const after = sources.app.files();
  assert.deepEqual(Object.keys(after), Object.keys(before));
  assert.match(after['android/app/src/staging/res/xml/staging_rules.xml'] ?? '', /debug-overrides/);
});

test('a name that pins cannot be added to stops the native layer, and nothing else', async () => {
  for (const reference of ['@xml/\u0024{rules}', '@com.example:xml/rules', '@xml/in_a_library']) {
    const sources = new Sources({}).manifest('main', { 'android:networkSecurityConfig': reference });
    sources.write('debug/res/xml/in_a_library.xml', { 'network-security-config': '' });
    await sources.apply([]);
    await assert.rejects(
      sources.apply([RULE]),
      (error: Error) =>
        error.message.includes(reference) && /res\/xml\/NAME\.xml, or switch/.test(error.message),
    );
  }
});

test('pins and settings that an app has in its own file stay as they are', () => {
  const own = {
    'network-security-config': {
      'base-config': [{ $: { cleartextTrafficPermitted: 'false' }, 'trust-anchors': ['x'] }],
      'debug-overrides': [{ 'trust-anchors': ['y'] }],
      'domain-config': [
        { domain: ['own.test'], 'pin-set': [{ pin: [{ $: { digest: 'SHA-256' }, _: 'z' }] }] },
      ],
    },
  };
  const once = withRules(own, [RULE]);
  assert.deepEqual(withRules(once, [RULE]), once);
  const {
    'domain-config': entries,
    $,
    ...others
  } = once['network-security-config'] as Record<string, unknown[]>;
  const { 'domain-config': ownEntries, ...ownOthers } = own['network-security-config'];
  assert.deepEqual(others, ownOthers);
  assert.deepEqual(entries?.slice(0, -1), ownEntries);
  assert.ok($);
  assert.throws(() => withRules(own, [{ ...RULE, domain: 'own.test' }]), /entry for own\.test already/);
});
