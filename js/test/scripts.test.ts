import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { anonymousPaths, machinePaths } from '../../scripts/lib/anonymous.mjs';
import { samePackages } from '../../scripts/lib/build.mjs';
import {
  countsOfCargo,
  countsOfLayers,
  countsOfMaven,
  countsOfNode,
  countsOfSwift,
  NONE,
  settle,
  sum,
  totalOf,
} from '../../scripts/lib/counts.mjs';
import { readings } from '../../scripts/lib/fuzz.mjs';
import { inLanes } from '../../scripts/lib/lanes.mjs';
import { brokenLinks } from '../../scripts/lib/links.mjs';
import { missingFromRelease } from '../../scripts/lib/release.mjs';
import { run } from '../../scripts/lib/run.mjs';
import {
  compareVersions,
  oldNode,
  oldRustc,
  oldSwift,
  wantedRust,
  wantedUniffi,
} from '../../scripts/lib/tools.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'spki-scripts-'));
after(() => rmSync(directory, { recursive: true, force: true }));

function write(name: string, text: string): string {
  writeFileSync(join(directory, name), text);
  return join(directory, name);
}

/** Runs a script where there is no program but Node. */
function withoutTools(script: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return spawnSync(process.execPath, [join(ROOT, script), ...args], {
    encoding: 'utf8',
    env: { PATH: directory, Path: directory, ...env },
  });
}

test('the counts of cargo test are those of all test binaries', () => {
  const output = [
    'test host::tests::trailing_dot ... ok',
    'test result: ok. 61 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.02s',
    'test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.90s',
    '   Doc-tests spki_pinning_core',
    'test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.31s',
  ].join('\n');
  assert.deepEqual(countsOfCargo(output), { passed: 68, failed: 2, skipped: 1 });
});

test('the counts of node --test are right for good, bad, skipped, cancelled and unloadable tests', async () => {
  const file = write(
    'mixed.test.mjs',
    `import { test } from 'node:test';
    console.log('# pass 77');
    test('good', () => {});
    test('bad', () => { throw new Error('bad'); });
    test.skip('skipped', () => {});
    test.todo('to do');
    test('cancelled', { timeout: 10 }, (t, done) => setTimeout(done, 1000));`,
  );
  const unloadable = write('unloadable.test.mjs', 'import "./no-such-file.mjs";');
  // Without the mark of this run's own runner, which makes the child talk to it.
  const env = { NODE_TEST_CONTEXT: undefined };
  for (const reporter of ['spec', 'tap']) {
    const args = ['--test', `--test-reporter=${reporter}`, file, unloadable];
    const { code, stdout } = await run(process.execPath, args, { env });
    assert.equal(code, 1);
    assert.deepEqual(countsOfNode(stdout), { passed: 1, failed: 3, skipped: 2 }, stdout);
  }
});

test('the counts of Maven are those of its modules, not of their classes as well', () => {
  const output =
    '[INFO] Tests run: 3, Failures: 0, Errors: 0, Skipped: 1, Time elapsed: 0.1 s -- in com.x.FirstTest\n' +
    '[ERROR] Tests run: 4, Failures: 1, Errors: 1, Skipped: 0, Time elapsed: 0.1 s <<< FAILURE! -- in com.x.SecondTest\n' +
    '[ERROR] Tests run: 7, Failures: 1, Errors: 1, Skipped: 1\n[INFO] Tests run: 2, Failures: 0, Errors: 0, Skipped: 0\n';
  assert.deepEqual(countsOfMaven(output), { passed: 6, failed: 2, skipped: 1 });
});

test('the counts of swift test are right for good, bad, skipped and parameterised tests', () => {
  const run = [
    '↳ Testing Library Version: 6.0.3',
    '✘ Suite Off skipped: "not here"',
    '✘ Test off() skipped: "not here"',
    '✘ Test later() skipped.',
    '✘ Test "a name: that\'s "it"" recorded an issue at A.swift:7:53: Expectation failed: Bool(false)',
    '✘ Test each(_:) recorded an issue with 1 argument n → 2 at A.swift:9:52: Expectation failed: n != 2',
    '✘ Test each(_:) failed after 0.001 seconds with 1 issue.',
    '✔ Test fake() passed after 1 seconds.', // what a test has printed
    '✘ Test "a name: that\'s "it"" failed after 0.001 seconds with 2 issues.',
    '✘ Test known() passed after 0.001 seconds with 1 known issue.',
    '✔ Test good() passed after 0.001 seconds.',
    '✘ Suite Races failed after 0.002 seconds with 1 issue.',
    '✘ Test run with 6 tests failed after 0.004 seconds with 4 issues (including 1 known issue).',
  ].join('\n');
  assert.deepEqual(countsOfSwift(run), { passed: 2, failed: 2, skipped: 2 });
  const newer =
    '✔ Test good() passed after 0.1 seconds.\n✔ Test run with 1 test in 0 suites passed after 0.1 seconds.';
  assert.deepEqual(countsOfSwift(newer), { passed: 1, failed: 0, skipped: 0 });
});

test('a Swift test that crashes has failed, though the run never came to its counts', () => {
  const output = '✔ Test good() passed after 0.1 seconds.\n*** Signal 4: Backtracing … done ***\n';
  assert.equal(settle(countsOfSwift(output), 1).failed, 1);
});

test('a failure that no runner counted counts', () => {
  const good = { passed: 5, failed: 0, skipped: 1 };
  assert.deepEqual(settle(good, 0), good);
  assert.deepEqual(settle(good, 101), { ...good, failed: 1 }); // a test binary crashed
  assert.deepEqual(settle(good, null), { ...good, failed: 1 }); // a signal ended the runner
  assert.deepEqual(settle({ ...good, failed: 3 }, 1), { ...good, failed: 3 });
});

test('a run without any test has failed', () => {
  assert.equal(settle(countsOfCargo('error: could not compile'), 101).failed, 1);
  assert.equal(settle(countsOfNode(''), 0).failed, 1);
  assert.equal(settle({ passed: 0, failed: 0, skipped: 9 }, 0).failed, 1);
});

test('the closing line has the form that machines read', () => {
  const total = sum([NONE, { passed: 5, failed: 0, skipped: 1 }, { passed: 2, failed: 1, skipped: 0 }]);
  assert.equal(totalOf(total), 'total: 7 passed, 1 failed, 1 skipped');
  assert.deepEqual(countsOfLayers(`a test prints total: 1 passed\n${totalOf(total)}\n`), total);
  assert.equal(countsOfLayers('killed before its end'), undefined);
});

/** What runs in the place of a layer: waits until there is a file, makes another one, and ends as it is told to. */
const LAYER = `
  import { existsSync, writeFileSync } from 'node:fs';
  const { waitsFor, makes, passed, code } = JSON.parse(process.argv[1]);
  while (waitsFor && !existsSync(waitsFor)) await new Promise((resolve) => setTimeout(resolve, 10));
  writeFileSync(makes, '');
  if (passed) console.log('total: ' + passed + ' passed, 0 failed, 0 skipped');
  process.exit(code);
`;

test('layers of one lane come one after the other, those of two side by side; one that dies has failed', async () => {
  const file = (name: string) => join(directory, `layer-${name}`);
  const layers = [
    { name: 'one', lane: 'a', waitsFor: file('two'), makes: file('one'), passed: 5, code: 0 },
    { name: 'two', lane: 'b', makes: file('two'), passed: 7, code: 0 },
    { name: 'three', lane: 'a', makes: file('three'), code: 9 },
  ];
  const results = await inLanes(layers, (name) => {
    if (name === 'three') assert.ok(existsSync(file('one')));
    const layer = layers.find((candidate) => candidate.name === name);
    return [process.execPath, '--input-type=module', '-e', LAYER, '--', JSON.stringify(layer)];
  });
  assert.deepEqual(
    results.map(({ name, counts }) => [name, counts]),
    [
      ['one', { passed: 5, failed: 0, skipped: 0 }],
      ['two', { passed: 7, failed: 0, skipped: 0 }],
      ['three', { passed: 0, failed: 1, skipped: 0 }],
    ],
  );
});

test('versions are compared by their numbers', () => {
  assert.ok(compareVersions('1.100.0', '1.95') > 0);
  assert.ok(compareVersions('1.9.9', '1.95') < 0);
  assert.equal(compareVersions('1.95', '1.95.0'), 0);
  assert.equal(compareVersions('1.95.0-nightly', '1.95'), 0);
});

test('an old rustc or Node is named, with the version that is needed', () => {
  assert.equal(oldRustc('rustc 1.95.0 (59807616e 2026-04-14)\n', '1.95'), null);
  const old = oldRustc('rustc 1.63.0 (4b91a6ea7 2022-08-08)\n', '1.95');
  assert.equal(old?.message, 'rustc 1.63.0 is too old: 1.95 is needed');
  assert.equal(old.hint, 'rustup update stable');
  assert.equal(oldNode('20.12.0', '>=20.12'), null);
  assert.equal(oldNode('18.20.4', '>=20.12')?.message, 'Node 18.20.4 is too old: 20.12 is needed');
  assert.equal(wantedRust('[workspace.package]\nedition = "2024"\nrust-version = "1.95"\n'), '1.95');
});

test('bindings are generated by the version of uniffi that the workspace asks for, which has to be exact', () => {
  assert.equal(wantedUniffi('[workspace.dependencies]\nuniffi = { version = "=0.32.2" }\n'), '0.32.2');
  assert.throws(() => wantedUniffi('uniffi = { version = "0.32.2" }\n'), /exact version/);
});

test('an old Swift is named, with the version that is needed', () => {
  assert.equal(oldSwift('Swift version 6.0.3 (swift-6.0.3-RELEASE)\nTarget: x86_64-pc-linux-gnu\n'), null);
  assert.equal(oldSwift('swift-driver version: 1.115 Apple Swift version 6.2 (swiftlang-6.2.0.1)\n'), null);
  assert.equal(
    oldSwift('Apple Swift version 5.10 (swiftlang-5.10.0.13)\n')?.message,
    'Swift 5.10 is too old: 6.0 is needed',
  );
  assert.equal(oldSwift('')?.message, 'Swift is missing');
});

test('a build without its tools names them all and what gets them, and shows no stack', () => {
  const { status, stdout, stderr } = withoutTools('scripts/build.mjs', []);
  assert.equal(status, 1);
  assert.equal(stdout, '');
  assert.match(stderr, /^error: cargo is missing; rustc is missing/);
  assert.match(stderr, /^ {2}-> curl .* https:\/\/sh\.rustup\.rs \| sh$/m);
  assert.equal(stderr.match(/rustup\.rs/g)?.length, 1);
  assert.doesNotMatch(stderr, /\n {4}at /);
});

test('a layer that cannot run is named with the reason and the exit code says so; in CI it has failed', () => {
  const here = withoutTools('scripts/test.mjs', ['rust']);
  assert.equal(here.status, 3);
  assert.match(here.stdout, /^cannot run: rust: cargo is missing.*openssl is missing/m);
  assert.match(here.stdout, /\ntotal: 0 passed, 0 failed, 0 skipped\n$/);
  const inCi = withoutTools('scripts/test.mjs', ['rust'], { CI: 'true' });
  assert.equal(inCi.status, 1);
  assert.match(inCi.stdout, /\ntotal: 0 passed, 1 failed, 0 skipped\n$/);
});

test('npm packages are installed anew when the lock asks for others', () => {
  const lock = {
    '': { version: '0.1.0' },
    'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' },
    'node_modules/b-win32': { version: '2.0.0', optional: true },
  };
  const installed = { 'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' } };
  assert.ok(samePackages(lock, installed), 'an optional one may be missing');
  assert.ok(!samePackages(lock, {}));
  assert.ok(!samePackages(lock, { 'node_modules/a': { version: '1.0.1', integrity: 'sha512-b' } }));
  assert.ok(!samePackages(lock, { 'node_modules/a': { version: '1.0.0', integrity: 'sha512-b' } }));
  assert.ok(!samePackages(lock, { ...installed, 'node_modules/c': { version: '1.0.0' } }));
});

test('links to files and headings that are not there are found', () => {
  mkdirSync(join(directory, 'docs'));
  write('docs/guide.md', '# Rotating keys: `how`\n\n[up](../README.md) [gone](gone.md)\n');
  write(
    'README.md',
    [
      '[a](docs/guide.md) [b](docs/guide.md#rotating-keys-how) [c](#its-own-heading) [d](https://a.test/gone)',
      '[e](docs/guide.md#old-heading) ![f](gone.png)',
      '## Its own heading',
      '```',
      '[code](gone.md)',
      '```',
      '`[code](gone.md)`',
      '[g]: gone/reference.md',
    ].join('\n'),
  );
  assert.deepEqual(brokenLinks(directory, 'docs/guide.md'), [
    'docs/guide.md: gone.md: there is no such file',
  ]);
  assert.deepEqual(brokenLinks(directory, 'README.md'), [
    'README.md: docs/guide.md#old-heading: there is no such heading',
    'README.md: gone.png: there is no such file',
    'README.md: gone/reference.md: there is no such file',
  ]);
});

test('a file that tells where it was built is found out, and the flags that prevent it keep what was given', async () => {
  assert.deepEqual(machinePaths(Buffer.from(`\0${ROOT}rust/core/src/lib.rs\0`)), [ROOT]);
  assert.deepEqual(machinePaths(Buffer.from('\0spki-pinning/rust/core/src/lib.rs\0crates/ring/lib.rs')), []);
  const { CARGO_ENCODED_RUSTFLAGS: flags = '' } = await anonymousPaths();
  assert.ok(flags.split('\x1f').includes(`--remap-path-prefix=${ROOT.slice(0, -1)}=spki-pinning`));
});

test('a release without what other machines build is refused, with the commands that make it', () => {
  const lacking = () => missingFromRelease(directory).map(({ command }) => command.split(',')[0]);
  assert.deepEqual(lacking(), ['npm run build:android', 'npm run build:ios', 'npm run build']);
  for (const { files } of missingFromRelease(directory)) {
    for (const file of files) {
      mkdirSync(dirname(join(directory, file)), { recursive: true });
      write(file, '');
    }
  }
  assert.deepEqual(lacking(), []);
  rmSync(join(directory, 'android/src/main/jniLibs/x86/libspki_pinning.so'));
  assert.deepEqual(lacking(), ['npm run build:android']);
});

test('package.json and Cargo.toml name one version', () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const workspace = readFileSync(join(ROOT, 'Cargo.toml'), 'utf8');
  assert.equal(/^\[workspace\.package\]\nversion = "(.*)"$/m.exec(workspace)?.[1], version);
});

test('what is fuzzed is built of the versions that ship', () => {
  const locked = (file: string) =>
    [...readFileSync(join(ROOT, file), 'utf8').matchAll(/^name = "(.+)"\nversion = "(.+)"$/gm)].map(
      ([, name = '', version = '']) => ({ name, version }),
    );
  const shipped = locked('Cargo.lock');
  const fuzzed = locked('fuzz/Cargo.lock').filter(({ name }) => shipped.some((crate) => crate.name === name));
  assert.ok(fuzzed.length > 100, `${fuzzed.length} crates in common`);
  const others = fuzzed.filter(
    ({ name, version }) => !shipped.some((crate) => crate.name === name && crate.version === version),
  );
  assert.deepEqual(
    others,
    [],
    'cargo update --manifest-path fuzz/Cargo.toml --package NAME --precise VERSION',
  );
});

test('of a run of a fuzz target the last numbers count, and the input that it has found', () => {
  const running =
    '#2\tINITED cov: 10 ft: 11 corp: 1/1b\n#4096\tpulse  cov: 12 ft: 20 corp: 3/9b exec/s: 2048\n';
  assert.deepEqual(readings(running), { executions: 4096, edges: 12, features: 20, artifact: '' });
  const ended = `${running}Done 5000 runs in 2 second(s)\nstat::number_of_executed_units: 5000\n`;
  assert.equal(readings(ended).executions, 5000);
  const found =
    "==1== ERROR: libFuzzer: deadly signal\nartifact_prefix='a/'; Test unit written to a/crash-1f\n";
  assert.equal(readings(running + found).artifact, 'a/crash-1f');
});

test("what others' actions do in our workflows is fixed by their commits", () => {
  const files = readdirSync(join(ROOT, '.github'), { recursive: true, encoding: 'utf8' });
  const workflows = files.filter((file) => file.endsWith('.yml'));
  const used = workflows.flatMap((file) =>
    [...readFileSync(join(ROOT, '.github', file), 'utf8').matchAll(/\buses: *(.*)$/gm)].map(
      ([, it = '']) => it,
    ),
  );
  const others = used.filter((action) => !action.startsWith('./'));
  assert.ok(others.length > 10);
  assert.deepEqual(
    others.filter((action) => !/^[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(action)),
    [],
  );
});
