import assert from 'node:assert/strict';
import {
  chmodSync,
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { XcodeProject } from '../cli/embedding/xcode-project.js';
import {
  ANDROID_COPY,
  bareApp,
  CONFIGURATION,
  IOS_COPY,
  PROJECT,
  TestApp,
  xcodeProject,
} from './cli-embed-support.js';
import { cli } from './cli-support.js';

const NAME = 'ssl-pinning.json';

function embed(app: TestApp, ...options: string[]) {
  return cli(['embed', NAME, ...options], { cwd: app.directory });
}

test('a configuration becomes an asset and a resource, and the second run changes nothing', async () => {
  const app = bareApp();
  const first = await embed(app);
  assert.deepEqual([first.code, first.stderr], [0, '']);
  assert.match(first.stdout, /carries ssl-pinning\.json from its next build on\n$/);
  assert.equal(app.read(ANDROID_COPY), CONFIGURATION);
  assert.equal(app.read(IOS_COPY), CONFIGURATION);
  assert.ok(new XcodeProject(app.read(PROJECT)).has(NAME));

  const before = app.files();
  const second = await embed(app);
  assert.deepEqual([second.code, app.files()], [0, before]);
  assert.match(second.stdout, /carries ssl-pinning\.json as it is\n$/);
});

test('with --json the files and what became of them are data', async () => {
  const app = bareApp();
  const files = (state: string) => [
    { platform: 'android', role: 'copy', path: ANDROID_COPY, state },
    { platform: 'ios', role: 'copy', path: IOS_COPY, state },
    { platform: 'ios', role: 'registration', path: PROJECT, state },
  ];
  const first = await embed(app, '--json');
  assert.deepEqual(first.json, { ok: true, changed: true, problems: [], files: files('written') });
  const second = await embed(app, '--json');
  assert.deepEqual(second.json, { ok: true, changed: false, problems: [], files: files('unchanged') });
});

test('a bad configuration is refused with all its problems, and nothing is written', async () => {
  const app = bareApp({
    [NAME]: JSON.stringify({
      domains: { 'https://a.test': { publicKeyHashes: [], includeSubdomain: true } },
    }),
  });
  const before = app.files();
  const [human, json] = [await embed(app), await embed(app, '--json')];
  assert.deepEqual([human.code, json.code, app.files()], [1, 1, before]);
  const codes = json.json.problems.map(({ code }: { code: string }) => code);
  assert.deepEqual(codes.sort(), ['domain-is-url', 'pins-empty', 'unknown-option']);
  for (const code of codes) assert.ok(human.stdout.includes(code), code);
  assert.match(human.stdout, /3 errors: nothing is embedded\n$/);
});

test('warnings are shown, and embedded all the same', async () => {
  const app = bareApp({
    [NAME]: '{"a.test":{"publicKeyHashes":["j11z8DhQQA9fdFgx0zaqmF6yxgVf3Mf6MCgqiXKfF3E="]}}',
  });
  const { code, stdout } = await embed(app);
  assert.equal(code, 0);
  assert.match(stdout, /warning .* no-backup-pin/);
});

test('--check finds a missing, a different and an unregistered copy, and writes nothing', async () => {
  const app = bareApp();
  const before = app.files();
  const missing = await embed(app, '--check', '--json');
  assert.deepEqual([missing.code, missing.json.ok, app.files()], [1, false, before]);
  const states = (run: typeof missing) => run.json.files.map(({ state }: { state: string }) => state);
  assert.deepEqual(states(missing), ['missing', 'missing', 'different']);

  await embed(app);
  assert.equal((await embed(app, '--check')).code, 0);
  app.write(NAME, CONFIGURATION.replace('api.', 'www.'));
  assert.deepEqual(states(await embed(app, '--check', '--json')), ['different', 'different', 'unchanged']);
  app.write(NAME, CONFIGURATION);
  app.write(PROJECT, xcodeProject());
  const unregistered = await embed(app, '--check');
  assert.equal(unregistered.code, 1);
  assert.match(unregistered.stdout, /project\.pbxproj: the app does not have it as a resource/);
});

test('a platform that is not there is left out, and one that is named has to be there', async () => {
  const app = new TestApp({ [NAME]: CONFIGURATION, 'mobile/app/src/main/AndroidManifest.xml': '' });
  const cases: [string[], RegExp][] = [
    [[], /neither \.\/android nor \.\/ios/],
    [['--android', 'android'], /no Android app in android/],
    [['--android', 'mobile', '--ios', 'ios'], /no one Xcode project in ios: there is no \.xcodeproj/],
    [['--android', ''], /the directory of --android is empty/],
  ];
  const before = app.files();
  for (const [options, expected] of cases) {
    const { code, stderr } = await embed(app, ...options);
    assert.match(stderr.replace(/\s+/g, ' '), expected);
    assert.deepEqual([code, app.files()], [2, before]);
  }
  const { json } = await embed(app, '--android', 'mobile', '--json');
  assert.deepEqual(
    [json.files.length, app.read('mobile/app/src/main/assets/ssl-pinning.json')],
    [1, CONFIGURATION],
  );
});

test('a project that cannot be read stops before anything is written', async () => {
  for (const [content, expected] of [
    ['<?xml version="1.0"?><plist/>', /not a project in Xcode's text format/],
    [xcodeProject().replaceAll('product-type.application"', 'product-type.framework"'), /it builds no app/],
    [xcodeProject().replaceAll(/^.*\/\* Resources \*\/,\n/gm, ''), /has no build phase for resources/],
  ] as const) {
    const app = bareApp({ [PROJECT]: content });
    const before = app.files();
    const { code, stderr } = await embed(app);
    assert.match(stderr.replace(/\s+/g, ' '), expected);
    assert.match(stderr, /-> in Xcode, add ssl-pinning\.json/);
    assert.deepEqual([code, app.files()], [2, before]);
  }
  const two = bareApp({ 'ios/Other.xcodeproj/project.pbxproj': xcodeProject() });
  assert.match(
    (await embed(two)).stderr.replace(/\s+/g, ' '),
    /there are several, My App\.xcodeproj, Other\.xcodeproj -> name the one that has the app: `?--ios ios\/My App\.xcodeproj/,
  );
});

test('an Xcode project only gets lines, in every app of it and not in tests', () => {
  for (const newline of ['\n', '\r\n']) {
    const source = xcodeProject().replaceAll('\n', newline);
    const lines = new XcodeProject(source).withResource(NAME).split(newline);
    const added = lines.filter((line) => line.includes(NAME));
    assert.deepEqual(lines.filter((line) => !line.includes(NAME)).join(newline), source);
    assert.equal(
      added.length,
      6,
      'a reference, its place in a group, and twice a build file and its place in a phase',
    );
    const tests = lines.slice(lines.findIndex((line) => line.includes('EE03 /* Resources */ =')));
    assert.ok(tests.every((line) => !line.includes(NAME)));
  }
});

test('a file that was added by hand stays where it is', async () => {
  const app = bareApp({
    [PROJECT]: xcodeProject({
      objects: `\
		AB01 = {isa = PBXFileReference; path = ssl-pinning.json; sourceTree = "<group>"; };
		AB02 = {isa = PBXBuildFile; fileRef = AB01; };
		AB03 = {isa = PBXBuildFile; fileRef = AB01; };
		AB04 = {isa = PBXGroup; children = (AB01); path = Resources; sourceTree = "<group>"; };
`,
      resources: '\n\t\t\t\tAB02,',
    }).replace('BB02 /* My App */,', 'BB02 /* My App */,\n\t\t\t\tAB04,'),
  });
  const { json } = await embed(app, '--json');
  assert.deepEqual(
    json.files.slice(1).map(({ path, state }: { path: string; state: string }) => [path, state]),
    [
      ['ios/Resources/ssl-pinning.json', 'written'],
      [PROJECT, 'written'],
    ],
    'the second app did not have it',
  );
  assert.equal(app.read(PROJECT).match(/isa = PBXFileReference[^\n]*ssl-pinning\.json/g)?.length, 1);
  assert.equal((await embed(app, '--json')).json.changed, false);
});

test('a folder that Xcode takes in whole needs no registration, unless it makes an exception', async () => {
  const project = (exceptions: string) =>
    xcodeProject({
      target: '\n\t\t\tfileSystemSynchronizedGroups = (AB05);',
      objects: `\
		AB05 = {isa = PBXFileSystemSynchronizedRootGroup; exceptions = (AB06); path = Folder; sourceTree = "<group>"; };
		AB06 = {isa = PBXFileSystemSynchronizedBuildFileExceptionSet; membershipExceptions = (${exceptions}); target = DD01; };
`,
    })
      .replace('BB02 /* My App */,', 'BB02 /* My App */,\n\t\t\t\tAB05,')
      .replace(/application"(?=;\n\t\t\};\n\t\tDD03)/, 'framework"'); // the second app has no such folder
  for (const [exceptions, state] of [
    ['"Info.plist"', 'unchanged'],
    ['"ssl-pinning.json"', 'written'],
  ] as const) {
    const app = bareApp({ [PROJECT]: project(exceptions) });
    const { json } = await embed(app, '--json');
    assert.deepEqual(
      json.files.slice(1).map(({ path, state }: { path: string; state: string }) => [path, state]),
      [
        ['ios/Folder/ssl-pinning.json', 'written'],
        [PROJECT, state],
      ],
    );
  }
});

test('files are replaced as a whole: who has one open reads on, modes and links stay, nothing is left over', async () => {
  const app = bareApp();
  const project = app.path(PROJECT);
  chmodSync(project, 0o600);
  app.write('shared/pins.json', '{}');
  mkdirSync(dirname(app.path(ANDROID_COPY)));
  symlinkSync(app.path('shared/pins.json'), app.path(ANDROID_COPY));
  const before = app.read(PROJECT);
  const open = openSync(project, 'r');
  assert.equal((await embed(app)).code, 0);
  assert.equal(readFileSync(open, 'utf8'), before);
  closeSync(open);
  assert.equal(statSync(project).mode & 0o777, 0o600);
  assert.ok(lstatSync(app.path(ANDROID_COPY)).isSymbolicLink());
  assert.equal(app.read('shared/pins.json'), CONFIGURATION);
  assert.deepEqual(
    Object.keys(app.files()).filter((name) => name.endsWith('.new')),
    [],
  );
});

test('what is in the way of a file is named, with what to do', async () => {
  const directory = bareApp();
  mkdirSync(directory.path(ANDROID_COPY), { recursive: true });
  const file = bareApp({ 'android/app/src/main/assets': '' });
  for (const app of [directory, file]) {
    const { code, stderr } = await embed(app);
    assert.equal(code, 2);
    assert.match(
      stderr.replace(/\s+/g, ' '),
      /ssl-pinning\.json cannot be read: .* -> see what is in its place/,
    );
    assert.equal(app.read(PROJECT), xcodeProject());
  }
});

test('a project is written as it was read, byte order mark and all, and not at all if it is no UTF-8', async () => {
  const app = bareApp({ [PROJECT]: `\ufeff${xcodeProject()}` });
  assert.equal((await embed(app)).code, 0);
  assert.ok(app.read(PROJECT).startsWith('\ufeff// !$*UTF8*$!'));
  const latin1 = Buffer.from(xcodeProject().replaceAll('My App Beta', 'Café'), 'latin1');
  writeFileSync(app.path(PROJECT), latin1);
  const { code, stderr } = await embed(app);
  assert.match(stderr.replace(/\s+/g, ' '), /cannot be changed: it is not UTF-8 text -> save it in Xcode/);
  assert.deepEqual([code, readFileSync(app.path(PROJECT))], [2, latin1]);
});

test('of several projects the one that builds an app is taken, or the one that is named', async () => {
  const library = xcodeProject().replaceAll('product-type.application"', 'product-type.framework"');
  const app = bareApp({ 'ios/A Library.xcodeproj/project.pbxproj': library });
  assert.equal((await embed(app)).code, 0);
  assert.equal(app.read(IOS_COPY), CONFIGURATION);
  app.write('ios/Other.xcodeproj/project.pbxproj', xcodeProject());
  assert.equal((await embed(app)).code, 2);
  const named = await embed(app, '--ios', 'ios/Other.xcodeproj/', '--json');
  assert.deepEqual(
    named.json.files.map(({ path, state }: { path: string; state: string }) => [path, state]),
    [
      [IOS_COPY, 'unchanged'],
      ['ios/Other.xcodeproj/project.pbxproj', 'written'],
    ],
  );
});

test('wrong usage is named', async () => {
  for (const [args, expected] of [
    [['embed'], /no configuration to embed/],
    [['embed', 'a', 'b'], /takes one configuration/],
    [['embed', 'a', '--andriod', 'x'], /did you mean `--android`/],
  ] as const) {
    const { code, stderr } = await cli(args);
    assert.match(stderr, expected);
    assert.equal(code, 2);
  }
});
