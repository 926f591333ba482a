// @ts-check
/** Code that a sanitizer watches: building it, loading it where the rest is not instrumented, and what was found. */
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { sysrootOf } from '../anonymous.mjs';
import { artifactsOf } from '../build.mjs';
import { NONE, settle } from '../counts.mjs';
import { UNSTABLE } from '../native.mjs';
import { ROOT, run } from '../run.mjs';
import { expectSuccess, Failure } from '../steps.mjs';

const TARGET = 'x86_64-unknown-linux-gnu';

/** Where instrumented code goes: in one place with the rest, cargo would build everything anew at each turn. */
export const DIRECTORY = join(ROOT, 'target/asan');

/**
 * Builds the add-on, and the library of apps as tests have it: in one go, so that what they share is built once.
 * @returns {Promise<{ addon: string, library: string }>} their paths
 */
export async function buildLibraries() {
  const packages = ['-p', 'spki-pinning-node', '-p', 'spki-pinning-ffi'];
  // With a target named, flags are not for build scripts and macros.
  const where = ['--target', TARGET, '--target-dir', DIRECTORY];
  const how = ['--locked', '--profile', 'sanitizer', '--message-format=json-render-diagnostics'];
  const args = ['build', ...how, ...where, ...packages, '--features', 'spki-pinning-ffi/testing'];
  const outcome = await run('cargo', args, {
    env: { ...UNSTABLE, RUSTFLAGS: '-Zsanitizer=address' },
    show: 'progress',
  });
  if (outcome.code !== 0) throw new Failure('cargo build failed: see above');
  const artifacts = artifactsOf(outcome.stdout);
  const file = (/** @type {string} */ name) => {
    const built = artifacts.find(({ target }) => target.name === name);
    const path = built?.filenames.find((file) => file.endsWith('.so'));
    if (path === undefined) throw new Failure(`cargo built no ${name}`);
    return path;
  };
  return { addon: file('spki_pinning_node'), library: file('spki_pinning') };
}

/**
 * The runtime that Rust ships for programs, as a library to be preloaded: neither Node nor a JVM is one of Rust's. Left out is
 * the one object that only a program may have, which starts it earlier than the loader would.
 * @returns {Promise<string>} its path
 */
export async function addressRuntime() {
  const library = join(DIRECTORY, 'librustc-asan.so');
  await mkdir(DIRECTORY, { recursive: true });
  const sysroot = await sysrootOf('rustc');
  const archive = join(sysroot, 'lib/rustlib', TARGET, 'lib/librustc-stable_rt.asan.a');
  const copy = join(DIRECTORY, basename(archive));
  const script =
    'set -e; cp "$1" "$2"; ar d "$2" asan_preinit.cpp.o; ' +
    'cc -shared -o "$3" -Wl,--whole-archive "$2" -Wl,--no-whole-archive -lpthread -ldl -lm -lrt -lgcc_s';
  const outcome = await run('sh', ['-c', script, 'sh', archive, copy, `${library}.new`]);
  expectSuccess('the runtime of the address sanitizer cannot be linked', outcome, 'rustup default stable');
  await rename(`${library}.new`, library);
  await rm(copy);
  return library;
}

/**
 * What is preloaded, and more of the sanitizer's options.
 * @typedef {{ runtime: string, options?: string }} How
 */

/**
 * Does something under the sanitizer. What that says, in whichever process, is printed, and is a failure beside others.
 * @param {How} how
 * @param {(env: Readonly<Record<string, string>>) => Promise<import('../counts.mjs').Counts>} work
 * @returns {Promise<import('../counts.mjs').Counts>}
 */
export async function watched(how, work) {
  const { result, found } = await observe(how, work);
  for (const text of found) console.log(text);
  return found.length === 0 ? result : { ...result, failed: result.failed + 1 };
}

/**
 * @template T
 * @param {How} how
 * @param {(env: Readonly<Record<string, string>>) => Promise<T>} work
 */
async function observe({ runtime, options: more }, work) {
  const directory = join(DIRECTORY, 'reports');
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  // What V8 and HotSpot keep until the end is no leak of ours, and there is too much of it to tell ours from it.
  const options = ['detect_leaks=0', `log_path=${join(directory, 'report')}`, more].filter(Boolean).join(':');
  const result = await work({ ASAN_OPTIONS: options, LD_PRELOAD: runtime });
  const files = await readdir(directory);
  const found = await Promise.all(files.sort().map((file) => readFile(join(directory, file), 'utf8')));
  return { result, found };
}

/**
 * A sanitizer that finds nothing has to find something first: a read of memory that was given back, by a library when it is
 * loaded.
 * @param {How} how
 * @param {string} where
 * @param {(library: string) => readonly [command: string, ...args: string[]]} load what loads it
 */
export async function findsPlantedMistake(how, where, load) {
  const library = join(DIRECTORY, 'planted.node');
  const source = join(ROOT, 'tests/sanitizers/planted.rs');
  const args = ['--edition', '2024', '--crate-type', 'cdylib', '-Zsanitizer=address', '-o', library, source];
  expectSuccess('the planted mistake does not compile', await run('rustc', args, { env: UNSTABLE }));
  const [command, ...rest] = load(library);
  const { result, found } = await observe(how, (env) => run(command, rest, { env }));
  const isFound =
    result.code !== 0 && found.some((text) => text.includes('AddressSanitizer: heap-use-after-free'));
  console.log(`${isFound ? '✔' : '✖'} a planted use after free is found in ${where}`);
  if (!isFound) console.log(found.join('\n'), result.stderr);
  return settle({ ...NONE, passed: isFound ? 1 : 0 }, isFound ? 0 : 1);
}
