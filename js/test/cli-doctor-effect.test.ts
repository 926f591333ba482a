/** Apps in which pinning does not work, or less than their developers think: `doctor` calls none of them set up. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { doctor, GOOD, goodApp, packages } from './cli-doctor-support.js';
import { bareApp, PIN, SPARE, TestApp } from './cli-embed-support.js';
import { cli } from './cli-support.js';

const MANIFEST = 'android/app/src/main/AndroidManifest.xml';
const GRADLE = 'android/app/build.gradle';

/** A manifest with a provider of these attributes. */
function provider(attributes: string): string {
  return `<manifest xmlns:android="a" xmlns:tools="t">
  <application>
    <provider
      ${attributes} />
  </application>
</manifest>`;
}

/** What is written over a good app, and what is found then: of errors and warnings, the codes. */
const CASES: [what: string, files: Record<string, string>, found: string[]][] = [
  ['nothing else', {}, []],
  [
    "Android's start is taken out",
    { [MANIFEST]: provider('android:name="com.spkipinning.SpkiPinningInitializer"\ntools:node="remove"') },
    ['start-removed'],
  ],
  [
    'by a build type',
    { 'android/app/src/debug/AndroidManifest.xml': provider('tools:node="removeAll"') },
    ['start-removed'],
  ],
  [
    'that of another library is',
    { [MANIFEST]: provider('android:name="androidx.startup.InitializationProvider" tools:node="remove"') },
    [],
  ],
  ['it is in a comment', { [MANIFEST]: `<!-- ${provider('tools:node="removeAll"')} -->` }, []],
  ['a Gradle build that links by itself', { [GRADLE]: 'react { autolinkLibrariesWithApp() }' }, []],
  [
    'one that links nothing',
    { [GRADLE]: 'react {} // autolinkLibrariesWithApp()' },
    ['gradle-links-nothing'],
  ],
  [
    'one with assets of its own',
    { [GRADLE]: "react { autolinkLibrariesWithApp() }\nsourceSets { main { assets.srcDirs = ['web'] } }" },
    ['gradle-assets'],
  ],
  [
    'one with more assets',
    {
      [GRADLE]:
        "react { autolinkLibrariesWithApp() }\nsourceSets { main { assets.srcDirs = ['src/main/assets', 'web'] } }",
    },
    [],
  ],
  [
    'the old architecture, by the Podfile',
    {
      'ios/Podfile': "ENV['RCT_NEW_ARCH_ENABLED'] = '0'\n",
      'node_modules/react-native/package.json': '{"name":"react-native","version":"0.81.0"}',
    },
    ['old-architecture'],
  ],
  [
    'the new one, by the Podfile',
    {
      'ios/Podfile': "ENV['RCT_NEW_ARCH_ENABLED'] = '1'\n# RCT_NEW_ARCH_ENABLED=0\n",
      'node_modules/react-native/package.json': '{"name":"react-native","version":"0.81.0"}',
    },
    [],
  ],
  ['a patch', { 'patches/react-native-spki-pinning+0.1.0.patch': '' }, ['patched']],
  ['a patch of another package', { 'patches/react-native+0.87.1.patch': '' }, []],
  [
    'a package of the root of a monorepo',
    { 'package.json': '{"dependencies":{"react-native":"*"}}' },
    ['not-declared'],
  ],
  [
    'a word on linking, which nobody can be asked about',
    {
      'react-native.config.js':
        "exports.dependencies = {'react-native-spki-pinning':{platforms:{ios:null}}};",
    },
    ['linking-changed'],
  ],
  [
    "one of Expo's",
    {
      'package.json': JSON.stringify({
        ...JSON.parse(packages(GOOD)['package.json'] ?? ''),
        expo: { autolinking: { exclude: ['react-native-spki-pinning'] } },
      }),
    },
    ['linking-changed'],
  ],
];

test('what takes pinning out of an app, or leaves it out, is found in its files', async () => {
  const good = (await goodApp()).files();
  for (const [what, files, found] of CASES) {
    const app = new TestApp({ ...good, ...files });
    const { code, errors, warnings } = await doctor(app);
    assert.deepEqual([...errors, ...warnings], found, what);
    assert.equal(code, errors.length > 0 ? 1 : 0, what);
  }
});

test('a configuration that is good, and refuses nothing, is warned of', async () => {
  const pins = (more: object) => ({ publicKeyHashes: [PIN, SPARE], ...more });
  const cases: [object, string[]][] = [
    [{}, ['nothing-pinned']],
    [{ domains: {} }, ['nothing-pinned']],
    [{ 'a.test': pins({ reportOnly: true }) }, ['nothing-enforced']],
    [{ 'a.test': pins({ expirationDate: '2024-01-01' }) }, ['pins-expired', 'nothing-enforced']],
    [{ 'a.test': pins({ reportOnly: true }), 'b.test': pins({}) }, []],
  ];
  for (const [configuration, found] of cases) {
    const app = bareApp(packages(GOOD));
    app.write('ssl-pinning.json', JSON.stringify(configuration));
    await cli(['embed', 'ssl-pinning.json'], { cwd: app.directory });
    assert.deepEqual((await doctor(app)).warnings, found, JSON.stringify(configuration));
  }
});

/** One that embeds nothing, with a source. */
function pinnedByCode(path: string, source: string): TestApp {
  const app = bareApp(packages(GOOD));
  rmSync(app.path('ssl-pinning.json'));
  app.write(path, source);
  return app;
}

test('an app that has the package, and neither embeds pins nor asks for them, is warned of', async () => {
  const call = "import { initializeSslPinning } from 'react-native-spki-pinning';";
  for (const path of ['App.tsx', 'src/network/pins.mjs']) {
    assert.deepEqual((await doctor(pinnedByCode(path, call))).warnings, [], path);
  }
  for (const path of ['node_modules/other/index.js', 'README.md', '.cache/App.tsx']) {
    assert.deepEqual((await doctor(pinnedByCode(path, call))).warnings, ['nothing-pinned'], path);
  }
});
