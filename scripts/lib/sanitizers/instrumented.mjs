// @ts-check
/** Code that a sanitizer watches: building it, loading it where the rest is not instrumented, and what was found. */
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { sysrootOf } from '../anonymous.mjs';
import { artifactsOf } from '../build.mjs';
import { NONE, settle } from '../counts.mjs';
import { UNSTABLE } from '../native.mjs';
import { ROOT, run } from '../run.mjs';
import { expectSuccess, Failure, step } from '../steps.mjs';

const TARGET = 'x86_64-unknown-linux-gnu';

/** @typedef {keyof typeof SANITIZERS} Sanitizer */

/**
 * Each has a directory of its own for what cargo builds: in one place with the rest, all of it would be built anew at each
 * turn. The thread sanitizer has to know the atomics inside of the standard library, which is built along.
 */
const SANITIZERS = {
  address: {
    directory: 'target/asan',
    std: [],
    variable: 'ASAN_OPTIONS',
    // What V8 and HotSpot keep until the end is no leak of ours, and there is too much of it to tell ours from it.
    options: 'detect_leaks=0',
    preloaded: '',
    planted: { file: 'tests/sanitizers/planted.rs', finds: /AddressSanitizer: heap-use-after-free/ },
  },
  thread: {
    directory: 'target/tsan',
    std: ['-Zbuild-std=std,panic_unwind,test'],
    variable: 'TSAN_OPTIONS',
    // Each process would wait a second at its end for races of threads that go on.
    options: 'atexit_sleep_ms=0',
    // Of the rest nothing is known: neither what V8 and HotSpot do with memory, nor in what order. Where all of a program is
    // known, that would hide some of its races too.
    preloaded: 'ignore_noninstrumented_modules=1',
    planted: {
      file: 'tests/sanitizers/planted-race.rs',
      finds: /ThreadSanitizer: data race .*write_from_two_threads/,
    },
  },
};

/** @param {Sanitizer} sanitizer */
export function directoryOf(sanitizer) {
  return join(ROOT, SANITIZERS[sanitizer].directory);
}

/**
 * Builds the add-on, and the library of apps as tests have it: in one go, so that what they share is built once.
 * @param {Sanitizer} sanitizer
 * @returns {Promise<{ addon: string, library: string }>} their paths
 */
export async function buildLibraries(sanitizer) {
  const packages = ['-p', 'spki-pinning-node', '-p', 'spki-pinning-ffi'];
  const file = await cargo(sanitizer, ['build', ...packages, '--features', 'spki-pinning-ffi/testing']);
  return { addon: file('spki_pinning_node'), library: file('spki_pinning') };
}

/**
 * Builds a test program of rust/stress, which has the sanitizer in it, and shows it to the libraries that it loads.
 * @param {Sanitizer} sanitizer
 * @param {string} name
 * @param {string} feature that it stands behind
 * @returns {Promise<string>} its path
 */
export async function buildStress(sanitizer, name, feature) {
  const what = ['-p', 'spki-pinning-stress', '--features', feature, '--test', name];
  const file = await cargo(sanitizer, ['rustc', ...what], ['--', '-Clink-arg=-rdynamic']);
  return file(name);
}

/**
 * @param {Sanitizer} sanitizer
 * @param {readonly string[]} args of cargo
 * @param {readonly string[]} [last] those of rustc
 * @returns {Promise<(name: string) => string>} the paths of the programs and libraries that it built
 */
async function cargo(sanitizer, args, last = []) {
  const { std } = SANITIZERS[sanitizer];
  // With a target named, flags are not for build scripts and macros.
  const where = ['--target', TARGET, '--target-dir', directoryOf(sanitizer), ...std];
  const how = ['--locked', '--profile', 'sanitizer', '--message-format=json-render-diagnostics'];
  const outcome = await run('cargo', [...args, ...how, ...where, ...last], {
    env: { ...UNSTABLE, RUSTFLAGS: `-Zsanitizer=${sanitizer}` },
    show: 'progress',
  });
  if (outcome.code !== 0) throw new Failure('cargo build failed: see above');
  const artifacts = artifactsOf(outcome.stdout);
  return (name) => {
    const built = artifacts.find(({ target }) => target.name === name);
    const path = built?.executable ?? built?.filenames.find((file) => file.endsWith('.so'));
    if (path === undefined) throw new Failure(`cargo built no ${name}`);
    return path;
  };
}

/**
 * What a program has to be started with that is not instrumented, and loads what is.
 * @param {Sanitizer} sanitizer
 * @returns {Promise<string>} for LD_PRELOAD
 */
export function runtimeOf(sanitizer) {
  return step(`${sanitizer} sanitizer`, async () => {
    await mkdir(directoryOf(sanitizer), { recursive: true });
    return sanitizer === 'address' ? addressRuntime() : threadRuntime();
  });
}

/**
 * The one that Rust ships for programs, as a library. Left out is the one object that only a program may have, which starts
 * it earlier than the loader would.
 */
async function addressRuntime() {
  const directory = directoryOf('address');
  const library = join(directory, 'librustc-asan.so');
  const sysroot = await sysrootOf('rustc');
  const archive = join(sysroot, 'lib/rustlib', TARGET, 'lib/librustc-stable_rt.asan.a');
  const copy = join(directory, basename(archive));
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
 * GCC's, and what LLVM's instrumentation calls beside: that of Rust is compiled for programs alone (its thread-local
 * storage cannot be in a library that is loaded).
 */
async function threadRuntime() {
  const library = join(directoryOf('thread'), 'libtsan-memory.so');
  const gcc = await run('cc', ['-print-file-name=libtsan.so.2']);
  const runtime = gcc.stdout.trim();
  if (!runtime.startsWith('/')) {
    throw new Failure('the thread sanitizer of GCC is missing', { hint: 'apt-get install libtsan2' });
  }
  const source = join(ROOT, 'tests/sanitizers/thread-memory.c');
  const args = ['-shared', '-fPIC', '-O1', '-fno-builtin', '-o', library, source];
  expectSuccess('what the thread sanitizer lacks cannot be compiled', await run('cc', args));
  return `${runtime}:${library}`;
}

/**
 * Which sanitizer watches, what is preloaded where the program is not instrumented, and more of the sanitizer's options.
 * @typedef {{ sanitizer: Sanitizer, runtime?: string, options?: string }} How
 */

/**
 * Does something under a sanitizer. What that says, in whichever process, is printed, and is a failure beside others.
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
async function observe({ sanitizer, runtime, options: more }, work) {
  const { variable, options, preloaded } = SANITIZERS[sanitizer];
  const directory = join(directoryOf(sanitizer), 'reports');
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  const all = [options, runtime && preloaded, `log_path=${join(directory, 'report')}`, more];
  const settings = { [variable]: all.filter(Boolean).join(':') };
  const result = await work({ ...settings, ...(runtime !== undefined && { LD_PRELOAD: runtime }) });
  const files = await readdir(directory);
  const found = await Promise.all(files.sort().map((file) => readFile(join(directory, file), 'utf8')));
  return { result, found };
}

/**
 * A sanitizer that finds nothing has to find something first: a mistake on purpose.
 * @param {How} how
 * @param {string} where
 * @param {(library: string) => readonly [command: string, ...args: string[]]} [load] what loads it; without it, a program does it
 */
export async function findsPlantedMistake(how, where, load) {
  const { sanitizer } = how;
  const { planted } = SANITIZERS[sanitizer];
  const built = join(directoryOf(sanitizer), load ? 'planted.node' : 'planted');
  const kind = ['--edition', '2024', '--crate-type', load ? 'cdylib' : 'bin', `-Zsanitizer=${sanitizer}`];
  // Over a standard library that is not instrumented: the mistake is none of its.
  const mixed = '-Cunsafe-allow-abi-mismatch=sanitizer';
  const args = [...kind, mixed, '-o', built, join(ROOT, planted.file)];
  expectSuccess('the planted mistake does not compile', await run('rustc', args, { env: UNSTABLE }));
  const [command, ...rest] = load?.(built) ?? [built];
  const { result, found } = await observe(how, (env) => run(command, rest, { env }));
  const isFound = result.code !== 0 && found.some((text) => planted.finds.test(text));
  console.log(`${isFound ? '✔' : '✖'} the ${sanitizer} sanitizer finds a planted mistake in ${where}`);
  if (!isFound) console.log(found.join('\n'), result.stderr);
  return settle({ ...NONE, passed: isFound ? 1 : 0 }, isFound ? 0 : 1);
}
