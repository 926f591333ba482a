// @ts-check
/** The layers of the test suite: what each tests, what it needs, how it runs. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { build, checkTypes, TESTBED } from './build.mjs';
import { countsOfMaven, countsOfNode, NONE, settle, sum } from './counts.mjs';
import { buildFuzzTargets, finding, fuzz, fuzzTargets, replay } from './fuzz.mjs';
import { buildHostLibrary, generateBindings, testArm64 } from './native.mjs';
import { rebuildElsewhere } from './reproducible.mjs';
import { ROOT, run } from './run.mjs';
import { testSanitizers } from './sanitizers.mjs';
import { report, step } from './steps.mjs';
import { cargoTest, testStress } from './stress.mjs';
import { checkIos, findSwift, testSwift } from './swift.mjs';
import { ANDROID_TOOLCHAIN, OTHER_NODES, otherNode } from './tools.mjs';

/**
 * @typedef {object} Layer
 * @property {string} name
 * @property {string} code the directory or file whose tests it runs; without it the layer is not there yet
 * @property {readonly import('./tools.mjs').Tool[]} tools
 * @property {'apps' | 'node'} lane of `npm test` in CI: what layers share, be that Maven's repository, the tools in .tools or
 * cargo's one place for a library, is only safe for one at a time
 * @property {() => Promise<import('./counts.mjs').Counts>} run
 */

/** For a file of JavaScript tests: one that never ends is cut off, and has failed. */
const TIMEOUT_MS = 300_000;

/** For a file that installs a whole app first. */
const APP_TIMEOUT_MS = 900_000;

/** @type {readonly import('./tools.mjs').Tool[]} */
const ANDROID_TOOLS = ['node', 'cargo', 'rustc', 'cc', 'java', 'mvn'];

/** @type {readonly Layer[]} */
export const LAYERS = [
  {
    name: 'rust',
    code: 'Cargo.toml',
    lane: 'apps',
    tools: ['node', 'cargo', 'rustc', 'cc', 'openssl'],
    run: testRust,
  },
  {
    name: 'js',
    code: 'js/test',
    lane: 'node',
    tools: ['node', 'cargo', 'rustc', 'cc', 'openssl', 'pip'],
    run: testJs,
  },
  {
    name: 'node',
    code: 'js/node',
    lane: 'node',
    tools: ['node', 'cargo', 'rustc', 'cc', 'openssl'],
    run: testNodes,
  },
  { name: 'android', code: 'android', lane: 'apps', tools: ANDROID_TOOLS, run: testAndroid },
  {
    name: 'android-arm64',
    code: 'tests/android-arm64',
    lane: 'apps',
    tools: ['node', 'cc', 'java', ...ANDROID_TOOLCHAIN],
    run: testAndroidArm64,
  },
  { name: 'ios', code: 'ios', lane: 'apps', tools: ['node', 'cargo', 'rustc', 'cc', 'swift'], run: testIos },
  { name: 'stress', code: 'rust/stress', lane: 'apps', tools: ['cargo', 'rustc', 'cc'], run: testStress },
  {
    name: 'sanitizers',
    code: 'tests/sanitizers',
    lane: 'node',
    tools: ['linux', 'node', 'cargo', 'rustc', 'cc', 'openssl', 'java', 'mvn'],
    run: async () => {
      await build();
      return testSanitizers();
    },
  },
  {
    name: 'package',
    code: 'tests/package',
    lane: 'node',
    tools: ['node', 'cargo', 'rustc', 'cc'],
    run: testPackage,
  },
  { name: 'fuzz', code: 'fuzz', lane: 'node', tools: ['node', 'cargo', 'rustc', 'cc', 'c++'], run: testFuzz },
];

/** @param {Layer} layer */
export function exists({ code }) {
  return existsSync(join(ROOT, code));
}

/** Every target but the benchmarks, and the examples of the documentation. */
function testRust() {
  return cargoTest(['--workspace', '--locked', '--no-fail-fast']);
}

/** The tests against the built add-on and testbed; that the types say what they should counts as one. */
async function testJs() {
  await build();
  const types = await passes(checkTypes);
  const all = await readdir(join(ROOT, 'js/test'), { recursive: true });
  const files = all.filter((file) => file.endsWith('.test.ts')).sort();
  return sum([types, await runTests(process.execPath, files)]);
}

/** The package as npm packs it, installed into real apps; they come from the npm registry. */
async function testPackage() {
  await build();
  const files = (await readdir(join(ROOT, 'tests/package')))
    .filter((file) => file.endsWith('.test.ts'))
    .sort();
  return runTests(process.execPath, files, 'tests/package', APP_TIMEOUT_MS);
}

/** The Node host and the demo under the other versions of Node: the hook depends on what is inside. */
async function testNodes() {
  await build();
  const results = [];
  for (const version of OTHER_NODES) {
    console.log(`\nNode ${version}`);
    const node = await otherNode(version);
    results.push(
      await runTests(node, ['node-host.test.ts', 'node-names.test.ts', 'node-tls.test.ts', 'api.test.ts']),
    );
    const demo = await run(node, [join(ROOT, 'scripts/demo.mjs')], { show: 'all' });
    results.push(demo.code === 0 ? { ...NONE, passed: 1 } : settle(NONE, 1));
  }
  return sum(results);
}

/**
 * @param {string} node the program
 * @param {readonly string[]} files
 * @param {string} [directory] that they are in
 * @param {number} [timeout] milliseconds, for each
 */
async function runTests(node, files, directory = 'js/test', timeout = TIMEOUT_MS) {
  const options = ['--import', 'tsx', '--test', '--test-reporter=spec', `--test-timeout=${timeout}`];
  const args = [...options, ...files.map((file) => join(directory, file))];
  const { code, stdout } = await run(node, args, { show: 'all', env: { SPKI_TESTBED: TESTBED } });
  return settle(countsOfNode(stdout), code);
}

/**
 * What does not count by itself counts as one.
 * @param {() => Promise<void>} check
 */
async function passes(check) {
  try {
    await check();
    return { ...NONE, passed: 1 };
  } catch (error) {
    report(error);
    return { ...NONE, failed: 1 };
  }
}

/**
 * The Kotlin over React Native's own classes, with its OkHttp and with OkHttp 5; once, because they know no OkHttp, the
 * library through the bindings of uniffi.
 */
async function testAndroid() {
  await build();
  const library = await buildHostLibrary();
  const bindings = join(ROOT, 'target/uniffi/kotlin');
  await step('bindings for Kotlin', () => generateBindings(library, 'kotlin', bindings));
  const where = [
    `-Dspki.testbed=${TESTBED}`,
    `-Dspki.library.directory=${dirname(library)}`,
    `-Dspki.bindings=${bindings}`,
  ];
  const results = [];
  for (const profile of [[], ['-P', 'okhttp5', '-pl', 'jvm/tests', '-am']]) {
    const args = ['-B', '-ntp', '-f', join(ROOT, 'android/pom.xml'), ...profile, 'test', ...where];
    const { code, stdout } = await run('mvn', args, { show: 'all' });
    results.push(settle(countsOfMaven(stdout), code));
  }
  return sum(results);
}

/**
 * The library itself: built for arm64 Android and run in an emulator, and with the same tests on this JVM. That it is the
 * same from another folder counts as one.
 */
async function testAndroidArm64() {
  const { code, stdout } = await testArm64();
  return sum([settle(countsOfMaven(stdout), code), await passes(() => rebuildElsewhere('arm64-v8a'))]);
}

/**
 * The library as it ships for iOS, the podspec, the Objective-C++ against React Native's headers, each as far as that goes
 * without Xcode; then the Swift over the Rust library.
 */
async function testIos() {
  await build();
  const swift = await step('Swift', findSwift);
  return sum([...(await checkIos(swift)), await testSwift(swift)]);
}

/** For each target, beside its corpus. */
const FUZZ_SECONDS = 60;

/** Every file of each corpus, then each target for a minute. A target is one test, whatever it finds. */
async function testFuzz() {
  const targets = await fuzzTargets();
  const directory = await buildFuzzTargets();
  const replayed = await replay(directory, targets);
  const sound = replayed.filter(({ good }) => good).map(({ target }) => target);
  const found = [...replayed, ...(await fuzz(directory, sound, FUZZ_SECONDS))].filter(({ good }) => !good);
  for (const result of found) console.log(`\n${finding(result)}`);
  return { ...NONE, passed: targets.length - found.length, failed: found.length };
}
