/** Xcode projects of every shape: what `embed` writes into them, and where it keeps off. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { XcodeProject } from '../cli/embedding/xcode-project.js';
import { bareApp, CONFIGURATION, xcodeProject } from './cli-embed-support.js';
import { cli } from './cli-support.js';

const NAME = 'ssl-pinning.json';

/** The lines that a project gets. */
function added(source: string, filesIn?: (folder: string) => string[]): string[] {
  const before = new Set(source.split('\n'));
  const project = new XcodeProject(source, filesIn);
  return project
    .withResource(NAME)
    .split('\n')
    .filter((line) => !before.has(line));
}

/** The project whose second app is another kind of target. */
function withSecond(change: (target: string) => string): string {
  const source = xcodeProject();
  const start = source.indexOf('\t\tDD02 ');
  const end = source.indexOf('\t\tDD03 ');
  return source.slice(0, start) + change(source.slice(start, end)) + source.slice(end);
}

test('App Clips, extensions and apps for a watch are no apps of their own', () => {
  for (const kind of ['application.on-demand-install-capable', 'app-extension', 'application.watchapp2']) {
    const source = withSecond((target) => target.replace('type.application"', `type.${kind}"`));
    assert.equal(added(source).length, 4, kind);
  }
  // As Xcode makes them since 14: the type is that of any app.
  const watch = withSecond((target) => target.replace('CC01', 'CC03')).replace(
    '\t\tFF01',
    `\t\tCC03 = {isa = XCConfigurationList; buildConfigurations = (CC04); };
\t\tCC04 = {isa = XCBuildConfiguration; buildSettings = {SDKROOT = watchos; INFOPLIST_FILE = Watch/Info.plist; }; };
\t\tFF01`,
  );
  for (const order of ['DD01, DD02', 'DD02, DD01']) {
    const source = watch.replace('DD01, DD02', order);
    assert.equal(added(source).length, 4);
    assert.equal(new XcodeProject(source).placeOf(NAME), `My App/${NAME}`);
  }
});

test('the first app in the order of Xcode has the file in its folder', () => {
  const beta = withSecond((target) => target.replace('CC01', 'CC03')).replace(
    '\t\tFF01',
    `\t\tCC03 = {isa = XCConfigurationList; buildConfigurations = (CC04); };
\t\tCC04 = {isa = XCBuildConfiguration; buildSettings = {INFOPLIST_FILE = Beta/Info.plist; }; };
\t\tFF01`,
  );
  const placeOf = (source: string) => new XcodeProject(source).placeOf(NAME);
  assert.equal(placeOf(beta), `My App/${NAME}`);
  assert.equal(placeOf(beta.replace('DD01, DD02', 'DD02, DD01')), `Beta/${NAME}`);
});

test('a file of the tests is not the one of the app, and stays what it is', () => {
  const source = xcodeProject({
    objects: `\
		AB01 = {isa = PBXFileReference; path = Fixtures/ssl-pinning.json; sourceTree = SOURCE_ROOT; };
		AB02 = {isa = PBXBuildFile; fileRef = AB01; };
`,
  }).replace(/(EE03 \/\* Resources \*\/ = [\s\S]*?files = \()/, '$1AB02, ');
  assert.equal(new XcodeProject(source).placeOf(NAME), `My App/${NAME}`);
  assert.equal(added(source).length, 6);
});

test('a file in any phase for resources of an app is there, and two of them are not one', () => {
  const phases = (more: string) =>
    xcodeProject({
      objects: `\
		AB01 = {isa = PBXFileReference; path = ssl-pinning.json; sourceTree = SOURCE_ROOT; };
		AB02 = {isa = PBXBuildFile; fileRef = AB01; };
		AB03 = {isa = PBXResourcesBuildPhase; files = (AB02); };
${more}`,
    }).replace(/(DD0\d [\s\S]*?buildPhases = \()/g, '$1AB03, ');
  assert.deepEqual(added(phases('')), []);
  const two = phases(`\
		AC01 = {isa = PBXFileReference; path = Other/ssl-pinning.json; sourceTree = SOURCE_ROOT; };
		AC02 = {isa = PBXBuildFile; fileRef = AC01; };
`).replace('files = (AB02)', 'files = (AB02, AC02)');
  assert.throws(() => added(two), /several files named ssl-pinning\.json: ssl-pinning\.json, Other/);
});

test('quoted identifiers, other newlines and what a merge has left behind are as good', () => {
  const source = xcodeProject();
  const quoted = source.replaceAll(/\b(?:AA|BB|CC|DD|EE|FF)0\d\b/g, '"$&"');
  assert.equal(added(quoted).length, 6);
  const whole = new XcodeProject(source).withResource(NAME);
  assert.equal(new XcodeProject(whole).withResource(NAME), whole);
  for (const line of added(source)) {
    const torn = whole.replace(`${line}\n`, '');
    assert.notEqual(torn, whole);
    const mended = new XcodeProject(torn).withResource(NAME);
    const ids = [...mended.matchAll(/^\t\t([0-9A-F]{24}) /gm)].map(([, id]) => id);
    assert.equal(new Set(ids).size, ids.length, `defined once without ${line}`);
    assert.ok(new XcodeProject(mended).has(NAME));
  }
});

test('paths are those of the project, where it has a directory of its own', () => {
  const source = xcodeProject().replace('mainGroup', 'projectDirPath = ../src; mainGroup');
  assert.equal(new XcodeProject(source).placeOf(NAME), `../src/My App/${NAME}`);
  assert.match(added(source).join(), /path = "My App\/ssl-pinning\.json"; sourceTree = SOURCE_ROOT/);
});

/** As Xcode 16 makes projects: the folder belongs to the first app; `second` says what the second has of it. */
function folders(exceptions = ''): string {
  return xcodeProject({
    target: '\n\t\t\tfileSystemSynchronizedGroups = (AB05);',
    objects: `\
		AB05 = {isa = PBXFileSystemSynchronizedRootGroup; exceptions = (AB06); path = Folder; sourceTree = "<group>"; };
		AB06 = {isa = PBXFileSystemSynchronizedBuildFileExceptionSet; membershipExceptions = (${exceptions}); target = DD02; };
`,
  }).replace('BB02 /* My App */,', 'BB02 /* My App */,\n\t\t\t\tAB05,');
}

test('another app that takes the file out of a folder has it', () => {
  assert.equal(added(folders(NAME)).length, 0);
  assert.equal(added(folders()).length, 4);
});

test('a file that is deep in a folder is found there, and a second one is not made', async () => {
  const app = bareApp({
    'ios/My App.xcodeproj/project.pbxproj': folders('"Config/Release/ssl-pinning.json"'),
    'ios/Folder/Config/Release/ssl-pinning.json': '{}',
  });
  const run = await cli(['embed', NAME, '--json'], { cwd: app.directory });
  assert.deepEqual(
    run.json.files.slice(1).map(({ path, state }: { path: string; state: string }) => [path, state]),
    [
      ['ios/Folder/Config/Release/ssl-pinning.json', 'written'],
      ['ios/My App.xcodeproj/project.pbxproj', 'unchanged'],
    ],
  );
  assert.equal(app.read('ios/Folder/Config/Release/ssl-pinning.json'), CONFIGURATION);
  app.write('ios/Folder/ssl-pinning.json', '{}');
  const two = await cli(['embed', NAME], { cwd: app.directory });
  assert.match(two.stderr.replace(/\s+/g, ' '), /several files named ssl-pinning\.json: .* -> keep one/);
  assert.equal(two.code, 2);
});
