// @ts-check
/** The library of apps (rust/ffi): for this machine's JVM, and for arm64 Android without an NDK. */
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { artifactsOf, installFile } from './build.mjs';
import { ROOT, run } from './run.mjs';
import { expectSuccess, Failure, step } from './steps.mjs';

/** What of rust/ffi an app for Android carries, and how: the arguments of `cargo rustc`. */
export const SHIPPED = [
  ...['-p', 'spki-pinning-ffi', '--lib', '--crate-type', 'cdylib'],
  ...['--profile', 'mobile', '--locked'],
];

const ARM64 = 'aarch64-linux-android';
const TOOLCHAIN = join(ROOT, '.tools/android-arm64');
const TESTS = join(ROOT, 'tests/android-arm64');

/**
 * @typedef {object} LibraryOptions
 * @property {boolean} [testing] with a clock that can be set and panics at will (the feature of rust/ffi), as by default
 */

/**
 * Builds the library for a JVM on this machine, with the entry points of Android.
 * @param {LibraryOptions} [options]
 * @returns {Promise<string>} its path
 */
export function buildHostLibrary({ testing = true } = {}) {
  return step('library for the JVM', () => {
    const args = [
      'rustc',
      '-p',
      'spki-pinning-ffi',
      '--lib',
      '--crate-type',
      'cdylib',
      '--release',
      '--locked',
    ];
    return buildLibrary(args, testing, `build/host/${testing ? 'testing' : 'shipped'}`, {});
  });
}

/**
 * Builds the library for arm64 Android as it ships, but for the NDK's linker.
 * @param {LibraryOptions} [options]
 * @returns {Promise<string>} its path
 */
export async function buildArm64Library({ testing = true } = {}) {
  const options = await readFile(join(TOOLCHAIN, 'options'), 'utf8');
  const buildStd = options.trim() === '' ? [] : [options.trim()];
  const env = {
    RUSTC: join(TOOLCHAIN, 'rustc'),
    CARGO_TARGET_AARCH64_LINUX_ANDROID_LINKER: join(TOOLCHAIN, 'clang'),
    ...(buildStd.length > 0 ? { RUSTC_BOOTSTRAP: '1' } : {}),
  };
  const args = ['rustc', ...SHIPPED, '--target', ARM64, '--target-dir', 'target/android-arm64', ...buildStd];
  return step(`library for ${ARM64}${testing ? ', for tests' : ''}`, () =>
    buildLibrary(args, testing, `build/android-arm64/${testing ? 'testing' : 'shipped'}`, env),
  );
}

/**
 * @param {readonly string[]} args of cargo
 * @param {boolean} testing
 * @param {string} directory for the library
 * @param {Readonly<Record<string, string>>} env
 */
async function buildLibrary(args, testing, directory, env) {
  const features = testing ? ['--features', 'testing'] : [];
  const outcome = await run('cargo', [...args, ...features, '--message-format=json-render-diagnostics'], {
    env,
    show: 'progress',
  });
  if (outcome.code !== 0) throw new Failure('cargo cannot build rust/ffi: see above');
  const built = artifactsOf(outcome.stdout).find(({ target }) => target.name === 'spki_pinning');
  const library = built?.filenames.find((file) => /\.(so|dylib|dll)$/.test(file));
  if (library === undefined) throw new Failure('cargo built no library of rust/ffi');
  // Cargo has one place for the library, with and without features.
  const path = join(ROOT, directory, basename(library));
  await installFile(library, path);
  return path;
}

/**
 * Fails unless an Android library is what Google Play and `System.loadLibrary` want, and exports no more than it has to.
 * @param {string} path
 * @param {{ readelf?: string, pages?: boolean }} [options] the program; whether pages of 16 KiB are asked for (64-bit)
 */
export async function checkLibrary(path, { readelf = 'readelf', pages = true } = {}) {
  const outcome = await run(readelf, ['-W', '-l', '-d', '--dyn-syms', path]);
  if (outcome.missing) throw new Failure('readelf is missing', { hint: 'apt-get install binutils' });
  expectSuccess(`readelf cannot read ${path}`, outcome);
  const problems = problemsOfLibrary(outcome.stdout, pages);
  if (problems.length > 0) throw new Failure(`${path}: ${problems.join('; ')}`);
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
 * Builds the library for arm64 Android and runs its tests in an emulator, and on this machine's JVM beside it. Installs what
 * it needs into .tools; Java and Maven have to be there.
 * @returns {Promise<import('./run.mjs').Outcome>} of Maven: its standard output ends with Surefire's `Tests run: …`
 */
export async function testArm64() {
  await step('tools for arm64 Android', prepareToolchain);
  const host = await buildHostLibrary();
  const testing = await buildArm64Library();
  const shipped = await buildArm64Library({ testing: false });
  await step('pages and symbols', () => checkLibrary(shipped));
  const properties = { 'library.host': host, 'library.arm64': testing, 'library.arm64.shipped': shipped };
  const defines = Object.entries(properties).map(([name, path]) => `-D${name}=${path}`);
  const args = ['-B', '-ntp', '-f', join(TESTS, 'pom.xml'), 'test', ...defines];
  const outcome = await run('mvn', args, { show: 'all' });
  if (outcome.missing) throw new Failure('mvn is missing', { hint: 'apt-get install maven' });
  return outcome;
}

async function prepareToolchain() {
  const tools = ['bash', 'java', 'mvn', 'python3', 'readelf', 'unzip'];
  const found = await Promise.all(tools.map((tool) => run('which', [tool])));
  const missing = tools.filter((_, index) => found[index]?.code !== 0);
  if (missing.length > 0) {
    const hint = 'apt-get install maven openjdk-17-jdk-headless python3-pip binutils unzip';
    throw new Failure(`${missing.join(', ')}: missing`, { hint });
  }
  const outcome = await run('bash', [join(TESTS, 'toolchain.sh'), TOOLCHAIN]);
  expectSuccess('the tools for arm64 Android cannot be installed', outcome);
}
