// @ts-check
/** The library of apps (rust/ffi): for this machine's JVM, and for Android without an NDK. */
import { mkdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { anonymousPaths, requireAnonymous } from './anonymous.mjs';
import { artifactsOf, installFile } from './build.mjs';
import { ROOT, run } from './run.mjs';
import { expectSuccess, Failure, step } from './steps.mjs';
import { uniffiBindgen } from './tools.mjs';

/** What of rust/ffi an app for Android carries, and how: the arguments of `cargo rustc`. */
export const SHIPPED = [
  ...['-p', 'spki-pinning-ffi', '--lib', '--crate-type', 'cdylib'],
  ...['--profile', 'mobile', '--locked'],
];

/** A stable compiler takes the options of an unstable one if it is told to: it has them, and promises nothing. */
export const UNSTABLE = { RUSTC_BOOTSTRAP: '1' };

/**
 * Beside that for Android: the standard library is built along, to be small like the rest, and without the backtraces that
 * nobody sees on a phone. A stable compiler does that if it is told to; its source is rustup's component `rust-src`.
 */
export const WITH_STD = {
  args: ['-Zbuild-std=std,panic_unwind', '-Zbuild-std-features=panic-unwind,optimize_for_size'],
  env: UNSTABLE,
};

/**
 * Rust's names of Android's ABIs.
 * @typedef {keyof typeof ABIS} Abi
 */
export const ABIS = {
  'arm64-v8a': 'aarch64-linux-android',
  'armeabi-v7a': 'armv7-linux-androideabi',
  x86_64: 'x86_64-linux-android',
  x86: 'i686-linux-android',
};

/** What a library may weigh, in kB: 3 % more than it did when it was last looked at (docs/benchmarks.md). */
export const BUDGETS = { 'arm64-v8a': 1960, 'armeabi-v7a': 1310, x86_64: 2265, x86: 2070 };

/** What a library that was built for tests can be told by, stripped or not: docs/bypasses.md. */
export const TEST_HOOKS = [
  'as a test asked for',
  'com/spkipinning/NativeTesting',
  'testing_set_now',
  'TESTING_',
];

const TOOLCHAIN = join(ROOT, '.tools/android');

/** What `tests/c-compiler.sh` makes. */
export const C_COMPILERS = join(ROOT, '.tools/c');
const LIBRARY = 'libspki_pinning.so';
const TESTS = join(ROOT, 'tests/android-arm64');

/**
 * @typedef {object} LibraryOptions
 * @property {boolean} [testing] with a clock that can be set and panics at will (the feature of rust/ffi), as by default
 */

/**
 * Builds the library for a JVM on this machine, with the entry points of Android. For tests it is built faster, and not as
 * it ships.
 * @param {LibraryOptions} [options]
 * @returns {Promise<string>} its path
 */
export function buildHostLibrary({ testing = true } = {}) {
  const quick = ['-p', 'spki-pinning-ffi', '--lib', '--crate-type', 'cdylib', '--release', '--locked'];
  const args = ['rustc', ...(testing ? quick : SHIPPED)];
  return step('library for the JVM', () =>
    buildLibrary(args, testing, `build/host/${testing ? 'testing' : 'shipped'}`, {}),
  );
}

/**
 * Builds the library for Android as it ships, but for the NDK's linker: see {@link installToolchain}. Beside it, named
 * `.map`, is the linker's account of what is in it.
 * @param {Abi} abi
 * @param {LibraryOptions} [options]
 * @returns {Promise<string>} its path
 */
export function buildAndroidLibrary(abi, { testing = true } = {}) {
  const target = ABIS[abi];
  const variable = `CARGO_TARGET_${target.toUpperCase().replaceAll('-', '_')}_LINKER`;
  const env = {
    ...WITH_STD.env,
    RUSTC: join(TOOLCHAIN, 'rustc'),
    [variable]: join(TOOLCHAIN, target, 'clang'),
    ...cCompiler(target),
  };
  const directory = `build/android/${abi}/${testing ? 'testing' : 'shipped'}`;
  const where = ['--target', target, '--target-dir', 'target/android'];
  const map = ['--', `-Clink-arg=-Wl,-Map=${join(ROOT, directory, `${LIBRARY}.map`)}`];
  return step(`library for ${abi}${testing ? ', for tests' : ''}`, async () => {
    await mkdir(join(ROOT, directory), { recursive: true });
    return buildLibrary(['rustc', ...SHIPPED, ...WITH_STD.args, ...where, ...map], testing, directory, env);
  });
}

/**
 * What the crate cc looks for, to compile ring.
 * @param {string} target Rust's name
 * @returns {Readonly<Record<string, string>>}
 */
export function cCompiler(target) {
  const suffix = target.replaceAll('-', '_');
  return {
    [`CC_${suffix}`]: join(C_COMPILERS, target, 'cc'),
    [`AR_${suffix}`]: join(C_COMPILERS, target, 'ar'),
  };
}

/**
 * @param {readonly string[]} args of cargo
 * @param {boolean} testing
 * @param {string} directory for the library
 * @param {Readonly<Record<string, string>>} env
 * @returns {Promise<string>} its path
 */
export async function buildLibrary([command = '', ...args], testing, directory, env) {
  const options = [...(testing ? ['--features', 'testing'] : []), '--message-format=json-render-diagnostics'];
  const outcome = await run('cargo', [command, ...options, ...args], {
    env: { ...(await anonymousPaths(env.RUSTC)), ...env },
    show: 'progress',
  });
  if (outcome.code !== 0) throw new Failure('cargo cannot build rust/ffi: see above');
  const built = artifactsOf(outcome.stdout).find(({ target }) => target.name === 'spki_pinning');
  const library = built?.filenames.find((file) => /\.(so|dylib|dll|a)$/.test(file));
  if (library === undefined) throw new Failure('cargo built no library of rust/ffi');
  // Cargo has one place for the library, with and without features.
  const path = join(ROOT, directory, basename(library));
  await installFile(library, path);
  return path;
}

/**
 * Writes the bindings of a library that has not been stripped: its own metadata say what is in it.
 * @param {string} library path
 * @param {'kotlin' | 'swift'} language
 * @param {string} outDirectory
 */
export async function generateBindings(library, language, outDirectory) {
  const program = await uniffiBindgen();
  const args = ['generate', library, '--language', language, '--no-format', '--out-dir', outDirectory];
  expectSuccess(`there are no ${language} bindings of ${library}`, await run(program, args));
}

/**
 * Fails unless an Android library is what Google Play and `System.loadLibrary` want, and exports no more than it has to.
 * @param {string} path
 * @param {{ readelf?: string, pages?: boolean }} [options] the program; whether pages of 16 KiB are asked for (64-bit)
 */
export async function checkLibrary(path, { readelf = 'readelf', pages = true } = {}) {
  const outcome = await run(readelf, ['-W', '-l', '-d', '--dyn-syms', path]);
  expectSuccess(`readelf cannot read ${path}`, outcome);
  const hooks = testHooksIn(await readFile(path));
  const problems = [
    ...problemsOfLibrary(outcome.stdout, pages),
    ...(hooks.length > 0 ? [`it has what is for tests: ${hooks.join(', ')}`] : []),
  ];
  if (problems.length > 0) throw new Failure(`${path}: ${problems.join('; ')}`);
  await requireAnonymous(path);
}

/**
 * What a library has that only the feature `testing` gives it: names and texts out of rust/ffi/src.
 * @param {Buffer} library
 * @returns {string[]}
 */
export function testHooksIn(library) {
  return TEST_HOOKS.filter((text) => library.includes(text));
}

/**
 * @param {string} printed by `readelf -W -l -d --dyn-syms`
 * @param {boolean} pages
 * @returns {string[]}
 */
export function problemsOfLibrary(printed, pages) {
  const segments = [...printed.matchAll(/^\s+LOAD\s.*\s0x([0-9a-f]+)$/gm)].map(([, align = '']) => align);
  const needed = [...printed.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name = '']) => name);
  // Number, value, size, type, binding, visibility, section, name.
  const symbols = [...printed.matchAll(/^\s+\d+: .*\s(?:GLOBAL|WEAK)\s+DEFAULT\s+\d+ (\S+)$/gm)];
  const exported = symbols.map(([, name = '']) => name);
  const foreign = exported.filter(
    (name) => !/^(JNI_OnLoad$|uniffi_|ffi_spki_pinning_|UNIFFI_META_)/.test(name),
  );
  const unknown = needed.filter((name) => !/^lib(c|m|dl|log)\.so$/.test(name));
  return [
    ...(segments.length === 0 ? ['it has no segments'] : []),
    ...(pages && segments.some((align) => Number.parseInt(align, 16) < 0x4000)
      ? [`its pages are not of 16 KiB: ${segments.join(', ')}`]
      : []),
    ...(exported.includes('JNI_OnLoad') ? [] : ['it does not export JNI_OnLoad']),
    ...(foreign.length > 0 ? [`it exports ${foreign.join(', ')}`] : []),
    ...(unknown.length > 0 ? [`it needs ${unknown.join(', ')}`] : []),
  ];
}

/**
 * Builds the library for arm64 Android and runs its tests in an emulator, and on this machine's JVM beside it.
 * @returns {Promise<import('./run.mjs').Outcome>} of Maven: its standard output ends with Surefire's `Tests run: …`
 */
export async function testArm64() {
  await installToolchain(['arm64-v8a']);
  const host = await buildHostLibrary();
  const testing = await buildAndroidLibrary('arm64-v8a');
  const shipped = await buildAndroidLibrary('arm64-v8a', { testing: false });
  await step('pages and symbols', () => checkLibrary(shipped));
  if (testHooksIn(await readFile(testing)).length < TEST_HOOKS.length)
    throw new Failure(
      'what only tests have is called something else now: TEST_HOOKS in scripts/lib/native.mjs',
    );
  const properties = { 'library.host': host, 'library.arm64': testing, 'library.arm64.shipped': shipped };
  const defines = Object.entries(properties).map(([name, path]) => `-D${name}=${path}`);
  const args = ['-B', '-ntp', '-f', join(TESTS, 'pom.xml'), 'test', ...defines];
  return run('mvn', args, { show: 'all' });
}

/**
 * Installs what it takes to build for Android without an NDK into .tools. A 64-bit Debian or Ubuntu.
 * @param {readonly Abi[]} abis
 */
export function installToolchain(abis) {
  return step('tools for Android', async () => {
    const targets = abis.map((abi) => ABIS[abi]);
    const outcome = await run('bash', [join(TESTS, 'toolchain.sh'), TOOLCHAIN, C_COMPILERS, ...targets]);
    expectSuccess('the tools for Android cannot be installed', outcome);
  });
}
