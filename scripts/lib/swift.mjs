// @ts-check
/** Swift for the tests of ios/: Xcode's on a Mac, on Linux one in a root directory of its own, and how they are run. */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildIosLibrary, checkIosLibrary, installCCompilers, installRustc, linkedSize } from './apple.mjs';
import { installFile, TESTBED } from './build.mjs';
import { countsOfSwift, NONE, settle, sum } from './counts.mjs';
import { buildLibrary, generateBindings } from './native.mjs';
import { checkObjectiveC } from './objective-c.mjs';
import { ROOT, run } from './run.mjs';
import { expectSuccess, report, step } from './steps.mjs';

const SWIFT_ROOT = join(ROOT, '.tools/swift-root');
const PACKAGE = join(ROOT, 'ios');

/** For a run of the tests with its build: one that never ends is cut off, and has failed. */
const TIMEOUT_MS = 10 * 60_000;

/** The suites that are about threads, run under the thread sanitizer too. */
const RACES = 'Races';

/**
 * Runs the Swift tests, over the library and bindings of this state of the Rust code.
 * @param {readonly string[]} swift as {@link findSwift} says
 */
export async function testSwift(swift) {
  await prepare();
  const plain = await test(swift, []);
  if (plain.passed === 0) return plain; // it does not compile
  return sum([plain, await test(swift, ['--sanitize', 'thread', '--filter', RACES])]);
}

/**
 * What can be checked of iOS's part without Xcode; each counts as a test.
 * @param {readonly string[]} swift
 * @returns {Promise<import('./counts.mjs').Counts[]>}
 */
export async function checkIos(swift) {
  const results = [];
  // On a Mac Xcode has the real thing; these two are for where there is none.
  const standIns = process.platform === 'darwin' ? [] : [checkAppleSwift, checkObjectiveC];
  for (const check of [checkLibrary, checkShippedSwift, checkPodspec, ...standIns]) {
    results.push(
      await check(swift).then(
        () => ({ ...NONE, passed: 1 }),
        (error) => {
          report(error);
          return { ...NONE, failed: 1 };
        },
      ),
    );
  }
  return results;
}

/** The static library for devices, as it ships, and its bindings. */
async function checkLibrary() {
  await installRustc();
  await installCCompilers();
  const library = await buildIosLibrary('aarch64-apple-ios');
  await step('bindings for iOS', () => writeBindings(library, 'Generated'));
  await step(
    'symbols and platform',
    async () => {
      await checkIosLibrary(library, 'aarch64-apple-ios');
      return linkedSize(library);
    },
    (size) => (size === null ? '' : `${(size / 1000).toFixed(0)} kB in an app`),
  );
}

/**
 * The Swift with the bindings and the module map that ship: what the tests are built with has more.
 * @param {readonly string[]} swift
 */
async function checkShippedSwift([command = '', ...before]) {
  await step('Swift as it ships', async () => {
    const directories = await Promise.all(
      ['Core', 'Apple', 'Generated'].map((name) => readdir(join(PACKAGE, name))),
    );
    const files = ['Core', 'Apple', 'Generated'].flatMap((name, index) =>
      (directories[index] ?? [])
        .filter((file) => file.endsWith('.swift'))
        .map((file) => join(PACKAGE, name, file)),
    );
    const options = [
      '-typecheck',
      '-swift-version',
      '6',
      '-warnings-as-errors',
      '-module-name',
      'SpkiPinning',
    ];
    const args = ['swiftc', ...options, '-I', join(PACKAGE, 'FFI'), ...files];
    expectSuccess('the Swift that ships does not compile', await run(command, [...before, ...args]));
  });
}

/**
 * What of that only Apple's platforms compile.
 * @param {readonly string[]} swift
 */
async function checkAppleSwift([command = '', ...before]) {
  await step("Apple's Swift", async () => {
    const script = join(ROOT, 'tests/ios/check-apple-swift.sh');
    expectSuccess('the Swift for Apple does not compile', await run(command, [...before, 'bash', script]));
  });
}

/** @param {readonly string[]} swift */
async function checkPodspec([command = '', ...before]) {
  await step('podspec', async () => {
    const script = join(ROOT, 'tests/ios/check-podspec.rb');
    const podspec = join(ROOT, 'react-native-spki-pinning.podspec');
    expectSuccess('the podspec is not right', await run(command, [...before, 'ruby', script, podspec]));
  });
}

/**
 * The command, and what comes before its arguments, that runs programs where Swift is. Makes the root directory.
 * @returns {Promise<readonly string[]>}
 */
export async function findSwift() {
  if (process.platform === 'darwin') return ['/usr/bin/env'];
  const outcome = await run('bash', [join(ROOT, 'tests/ios/toolchain.sh'), SWIFT_ROOT]);
  expectSuccess('a root directory with Swift in it cannot be made', outcome);
  return ['bash', join(ROOT, 'tests/ios/in-root.sh')];
}

/**
 * What one check of a handshake costs Swift, with the library built as it ships.
 * @returns {Promise<{ match: string, uniffiNs: number, cNs: number }[]>}
 */
export async function benchmarkSwift() {
  const [command = '', ...before] = await step('Swift', findSwift);
  await prepare('mobile');
  const where = ['--package-path', PACKAGE, '--scratch-path', join(PACKAGE, '.build/release')];
  const options = ['-c', 'release', '-Xswiftc', '-enable-testing']; // to call what no app can
  const program = ['SpkiPinningBenchmarks', join(ROOT, 'tests/vectors/certificates.json')];
  const outcome = await run(command, [...before, 'swift', 'run', ...options, ...where, ...program]);
  expectSuccess('the benchmark of Swift failed', outcome);
  return JSON.parse(outcome.stdout.trim().split('\n').at(-1) ?? '');
}

/**
 * What ios/Package.swift builds upon.
 * @param {string} profile of cargo
 */
async function prepare(profile = 'release') {
  const library = await step('library for Swift', () => {
    const what = ['-p', 'spki-pinning-ffi', '--lib', '--crate-type', 'staticlib'];
    const features = ['--features', 'testing-trust'];
    return buildLibrary(
      ['rustc', ...what, '--profile', profile, '--locked', ...features],
      true,
      'build/host/static',
      {},
    );
  });
  await step('bindings for Swift', () => writeBindings(library, 'Generated/testing'));
  await forgetLinked(library);
}

/**
 * @param {string} library
 * @param {string} directory of ios/
 */
export async function writeBindings(library, directory) {
  const temporary = await mkdtemp(join(tmpdir(), 'spki-bindings-'));
  try {
    await generateBindings(library, 'swift', temporary);
    // Not uniffi's module map: ios/FFI has one for both headers. And not anew what is the same: all Swift would be too.
    for (const file of ['spki_pinning.swift', 'spki_pinningFFI.h']) {
      await installFile(join(temporary, file), join(PACKAGE, directory, file));
    }
  } finally {
    await rm(temporary, { recursive: true });
  }
}

/**
 * Removes test programs that an older library is in: SwiftPM does not look at it.
 * @param {string} library
 */
async function forgetLinked(library) {
  const { mtimeMs } = await stat(library);
  const built = join(PACKAGE, '.build');
  const files = await readdir(built, { recursive: true, withFileTypes: true }).catch(() => []);
  const programs = files
    .filter((file) => file.name.endsWith('.xctest') && !file.isSymbolicLink())
    .map((file) => join(file.parentPath, file.name));
  for (const program of programs) {
    if ((await stat(program)).mtimeMs < mtimeMs) await rm(program, { recursive: true });
  }
}

/**
 * @param {readonly string[]} swift
 * @param {readonly string[]} options
 */
async function test([command = '', ...before], options) {
  const scratch = join(PACKAGE, '.build', options.includes('thread') ? 'thread' : 'plain');
  const where = ['--package-path', PACKAGE, '--scratch-path', scratch];
  const args = [...before, 'swift', 'test', '--disable-xctest', ...where, ...options];
  const env = { SPKI_TESTBED: TESTBED };
  const { code, stdout } = await run(command, args, { env, timeout: TIMEOUT_MS, show: 'all' });
  if (code === null)
    console.error(`error: swift test did not end by itself within ${TIMEOUT_MS / 60_000} min`);
  return settle(countsOfSwift(stdout), code);
}
