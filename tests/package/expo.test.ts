/** The config plugin in a real Expo app: what `expo prebuild` writes, read back. */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ExpoApp } from './expo-app.js';

const PIN = 'j11z8DhQQA9fdFgx0zaqmF6yxgVf3Mf6MCgqiXKfF3E=';
const SPARE = '/nEvpKOtI9zwouNc1f7IIHKloeuF0mIt+GkKg0P33pw=';
const AUTHORITY = 'AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=';
const SOURCE = 'ssl-pinning.json';
const ASSET = 'android/app/src/main/assets/ssl-pinning.json';
const RESOURCE = 'ios/MyApp/ssl-pinning.json';
const RULES = 'android/app/src/main/res/xml/network_security_config.xml';
const MANIFEST = 'android/app/src/main/AndroidManifest.xml';

const TYPES = `
import * as real from 'expo/config-plugins';
import plugin, { type SslPinningPluginOptions } from 'react-native-spki-pinning/app.plugin.js';
import type { ConfigPlugins } from './node_modules/react-native-spki-pinning/lib/expo/config-plugins.js';

export const used: ConfigPlugins = real;
export const asPlugin: real.ConfigPlugin<SslPinningPluginOptions | undefined> = plugin;
export const options: SslPinningPluginOptions = { config: './pins.json', nativeLayer: { caPins: [] } };
// @ts-expect-error: there is no such option
export const wrong: SslPinningPluginOptions = { nativLayer: true };
`;

let app: ExpoApp;
before(async () => {
  app = await ExpoApp.create();
});
after(() => app?.remove());

function configuration(domains: object): string {
  return `${JSON.stringify({ domains, settings: { requireBackupPin: true } }, null, 2)}\n`;
}

const CONFIGURATION = configuration({
  'api.example.com': { includeSubdomains: true, publicKeyHashes: [PIN, SPARE] },
});

async function prebuild(keeping?: boolean) {
  const outcome = await app.prebuild(keeping);
  assert.equal(outcome.code, 0, outcome.output);
  return outcome.output.replaceAll(/\s+/g, ' ');
}

/** What Expo's own reader of Info.plist says of App Transport Security. */
function transportSecurity() {
  const plist = createRequire(createRequire(join(app.directory, 'x.js')).resolve('@expo/config-plugins'))(
    '@expo/plist',
  );
  const { NSAppTransportSecurity } = plist.default.parse(app.read('ios/MyApp/Info.plist'));
  return JSON.parse(JSON.stringify(NSAppTransportSecurity)); // to objects with a prototype
}

/** The pins of a file, by the domain that they are for. */
function androidPins(path: string): Record<string, string[]> {
  const entries = app.read(path).matchAll(/<domain-config[\s\S]*?<\/domain-config>/g);
  return Object.fromEntries(
    [...entries].map(([entry]) => [
      /<domain(?: [^>]*)?>([^<]*)</.exec(entry)?.[1],
      [...entry.matchAll(/<pin digest="SHA-256">([^<]*)</g)].map(([, pin = '']) => pin),
    ]),
  );
}

test('the configuration is embedded on both platforms, and a second prebuild changes nothing', async () => {
  app.start({});
  app.write(SOURCE, CONFIGURATION);
  await prebuild();
  assert.equal(app.read(ASSET), CONFIGURATION);
  assert.equal(app.read(RESOURCE), CONFIGURATION);
  const files = app.nativeFiles();
  assert.doesNotMatch(files[MANIFEST] ?? '', /networkSecurityConfig/);
  assert.doesNotMatch(files['ios/MyApp/Info.plist'] ?? '', /NSPinnedDomains|SpkiPinning/);
  for (const keeping of [true, false]) {
    await prebuild(keeping);
    assert.deepEqual(app.nativeFiles(), files);
  }
});

test("the project has the file as a resource of the app, by the word of Expo's reader of Xcode projects", () => {
  const xcode = createRequire(join(app.directory, 'x.js'))('xcode');
  const project = xcode.project(join(app.directory, 'ios/MyApp.xcodeproj/project.pbxproj')).parseSync();
  const { uuid } = project.getTarget('com.apple.product-type.application');
  const files = project
    .pbxResourcesBuildPhaseObj(uuid)
    .files.map(({ comment }: { comment: string }) => comment);
  assert.deepEqual(
    files.filter((comment: string) => comment.startsWith(SOURCE)),
    ['ssl-pinning.json in Resources'],
  );
  const references = Object.values(project.pbxFileReferenceSection()) as {
    path?: string;
    sourceTree?: string;
  }[];
  const [reference, ...more] = references.filter(({ path }) => path?.includes(SOURCE));
  assert.deepEqual(
    [reference?.path, reference?.sourceTree, more],
    ['"MyApp/ssl-pinning.json"', 'SOURCE_ROOT', []],
  );
});

test('a change of the configuration comes with the next prebuild', async () => {
  const changed = CONFIGURATION.replace('api.', 'www.');
  app.write(SOURCE, changed);
  await prebuild();
  assert.deepEqual([app.read(ASSET), app.read(RESOURCE)], [changed, changed]);
});

test('embed --check and doctor agree with what the plugin has made', async () => {
  app.start({});
  app.write(SOURCE, CONFIGURATION);
  await prebuild();
  const cli = 'node_modules/react-native-spki-pinning/lib/cli/main.js';
  const embedded = await app.program(cli, 'embed', SOURCE, '--check');
  assert.equal(embedded.code, 0, embedded.output);
  const doctor = await app.program(cli, 'doctor', '--json');
  const { ok, findings } = JSON.parse(doctor.output);
  const codes = findings.map(({ code }: { code: string }) => code);
  assert.deepEqual(
    [ok, codes],
    [true, ['installed', 'react-native', 'autolinking', 'configuration', 'embedded', 'embedded']],
    doctor.output,
  );
});

test('an invalid configuration stops prebuild with all its problems', async () => {
  app.start({});
  app.write(SOURCE, configuration({ 'https://a.test': { publicKeyHashes: [], includeSubdomain: true } }));
  const { code, output } = await app.prebuild();
  assert.equal(code, 1);
  for (const problem of ['domain-is-url', 'pins-empty', 'unknown-option'])
    assert.ok(output.includes(problem), output);
  assert.match(output, /-> /);
});

test('a missing file and a wrong option stop prebuild with what to do', async () => {
  app.write(SOURCE, CONFIGURATION);
  for (const [options, expected] of [
    [{ config: './missing.json' }, /there is no file .*missing\.json/],
    [{ nativLayer: true }, /there is no option nativLayer/],
    [{ nativeLayer: 'yes' }, /nativeLayer must be an object/],
    [{ config: 7 }, /config must be the path of a file/],
    [{ nativeLayer: { caPins: [AUTHORITY] } }, /caPins has AQID.*, which no domain pins/],
  ] as const) {
    app.start(options);
    const { code, output } = await app.prebuild();
    assert.equal(code, 1, output);
    assert.match(output, expected);
  }
});

test('the native layer has the pins on both platforms, warns, and stays as it is', async () => {
  app.start({ nativeLayer: true });
  app.write(SOURCE, CONFIGURATION);
  const output = await prebuild();
  for (const platform of ['android', 'ios']) {
    assert.match(
      output,
      new RegExp(`${platform}: react-native-spki-pinning nativeLayer: the platform itself enforces`),
    );
  }
  assert.match(output, /pins of api\.example\.com are compared with the server's own key only/);
  assert.match(app.read(MANIFEST), /android:networkSecurityConfig="@xml\/network_security_config"/);
  assert.match(app.read(RULES), /<domain includeSubdomains="true">api\.example\.com<\/domain>/);
  assert.deepEqual(androidPins(RULES), { 'api.example.com': [PIN, SPARE] });
  assert.deepEqual(transportSecurity(), {
    NSAllowsArbitraryLoads: false,
    NSAllowsLocalNetworking: true,
    NSPinnedDomains: {
      'api.example.com': {
        NSIncludesSubdomains: true,
        NSPinnedLeafIdentities: [{ 'SPKI-SHA256-BASE64': PIN }, { 'SPKI-SHA256-BASE64': SPARE }],
      },
    },
  });
  const files = app.nativeFiles();
  await prebuild();
  assert.deepEqual(app.nativeFiles(), files);
});

test('a debug build still reaches Metro: plain HTTP stays permitted where it was', () => {
  const debug = 'android/app/src/debug/res/xml/network_security_config.xml';
  assert.match(app.read('android/app/src/debug/AndroidManifest.xml'), /usesCleartextTraffic="true"/);
  assert.match(app.read(debug), /<base-config cleartextTrafficPermitted="true"\/>/);
  assert.deepEqual(androidPins(debug), { 'api.example.com': [PIN, SPARE] });
  assert.doesNotMatch(app.read(RULES), /cleartext/);
});

test('what is no longer pinned, or a native layer that is switched off, is taken back', async () => {
  app.write(SOURCE, CONFIGURATION.replace('api.', 'www.'));
  await prebuild();
  assert.deepEqual(Object.keys(androidPins(RULES)), ['www.example.com']);
  assert.deepEqual(Object.keys(transportSecurity().NSPinnedDomains), ['www.example.com']);
  app.configure({ nativeLayer: false });
  await prebuild();
  assert.deepEqual(androidPins(RULES), {});
  assert.deepEqual(transportSecurity(), { NSAllowsArbitraryLoads: false, NSAllowsLocalNetworking: true });
  assert.doesNotMatch(app.read('ios/MyApp/Info.plist'), /SpkiPinning/);
});

test('what a platform cannot express is left out of it, and said', async () => {
  app.start({ nativeLayer: { caPins: [`sha256/${AUTHORITY}`, SPARE] } });
  app.write(
    SOURCE,
    configuration({
      'ca.test': { publicKeyHashes: [AUTHORITY, SPARE] },
      'mixed.test': { publicKeyHashes: [PIN, AUTHORITY] },
      'expiring.test': { publicKeyHashes: [PIN, SPARE], expirationDate: '2099-01-31' },
      'report.test': { publicKeyHashes: [PIN, SPARE], reportOnly: true },
      'wide.test': {
        publicKeyHashes: [PIN, SPARE],
        includeSubdomains: true,
        excludedSubdomains: ['cdn.wide.test'],
      },
      'parent.test': { publicKeyHashes: [PIN, PIN.replace('j', 'k')], includeSubdomains: true },
      'child.parent.test': { publicKeyHashes: [PIN, SPARE] },
      '192.0.2.1': { publicKeyHashes: [PIN, SPARE] },
      'gone.test': { publicKeyHashes: [PIN, SPARE], expirationDate: '2020-01-01' },
    }),
  );
  const output = await prebuild();
  assert.deepEqual(transportSecurity().NSPinnedDomains, {
    'ca.test': {
      NSIncludesSubdomains: false,
      NSPinnedCAIdentities: [{ 'SPKI-SHA256-BASE64': AUTHORITY }, { 'SPKI-SHA256-BASE64': SPARE }],
    },
  });
  const android = androidPins(RULES);
  assert.deepEqual(Object.keys(android).sort(), [
    '192.0.2.1',
    'ca.test',
    'cdn.wide.test',
    'child.parent.test',
    'expiring.test',
    'mixed.test',
    'parent.test',
    'report.test',
    'wide.test',
  ]);
  assert.deepEqual(
    [android['report.test'], android['cdn.wide.test']],
    [[], []],
    'kept out of the pins of others',
  );
  assert.match(app.read(RULES), /<pin-set expiration="2099-01-31">/);
  const left = [...output.matchAll(/(android|ios): \S+ nativeLayer: left to the library alone: ([\w.-]+):/g)];
  assert.deepEqual(left.map(([, platform, domain]) => `${platform} ${domain}`).sort(), [
    'android report.test',
    'ios 192.0.2.1',
    'ios child.parent.test',
    'ios expiring.test',
    'ios mixed.test',
    'ios parent.test',
    'ios report.test',
    'ios wide.test',
  ]);
});

test('the native layer is merged with what the app has', async () => {
  const own = { 'own.test': { NSPinnedLeafIdentities: [{ 'SPKI-SHA256-BASE64': SPARE }] } };
  const ios = {
    bundleIdentifier: 'com.example.app',
    infoPlist: { NSAppTransportSecurity: { NSAllowsLocalNetworking: false, NSPinnedDomains: own } },
  };
  app.start({ nativeLayer: true }, { ios });
  app.write(SOURCE, CONFIGURATION);
  await prebuild();
  const { NSAllowsLocalNetworking, NSPinnedDomains } = transportSecurity();
  assert.equal(NSAllowsLocalNetworking, false);
  assert.deepEqual(Object.keys(NSPinnedDomains).sort(), ['api.example.com', 'own.test']);

  const named = 'android/app/src/main/res/xml/own_rules.xml';
  app.write(MANIFEST, app.read(MANIFEST).replace('@xml/network_security_config', '@xml/own_rules'));
  app.write(
    named,
    `<network-security-config>
  <base-config><trust-anchors><certificates src="@raw/own"/></trust-anchors></base-config>
  <domain-config cleartextTrafficPermitted="true"><domain>localhost</domain></domain-config>
</network-security-config>`,
  );
  await prebuild();
  assert.deepEqual(androidPins(named), { 'api.example.com': [PIN, SPARE], localhost: [] });
  assert.match(app.read(named), /<certificates src="@raw\/own"\/>/);
  assert.match(app.read(named), /<domain-config cleartextTrafficPermitted="true">/);
  assert.match(app.read(MANIFEST), /networkSecurityConfig="@xml\/own_rules"/);

  app.write(named, app.read(named).replace('localhost', 'api.example.com'));
  const { code, output } = await app.prebuild();
  assert.equal(code, 1);
  assert.match(output, /has an entry for api\.example\.com already, and Android starts no app with two/);
});

test("the plugin's types are those that Expo asks for", async () => {
  app.write('types.ts', TYPES);
  const tsc = fileURLToPath(import.meta.resolve('typescript/bin/tsc'));
  const strict = ['--strict', '--skipLibCheck', '--module', 'nodenext', '--target', 'es2022'];
  const { code, output } = await app.program(tsc, '--noEmit', ...strict, 'types.ts');
  assert.equal(code, 0, output);
});
