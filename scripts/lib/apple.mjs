// @ts-check
/** The library of apps (rust/ffi) for iOS: building it, and what has to hold of it. Needs nothing of Apple's. */
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { requireAnonymous } from './anonymous.mjs';
import { objectsOf } from './mach-o.mjs';
import { buildLibrary, C_COMPILERS, cCompiler, WITH_STD } from './native.mjs';
import { ROOT, run } from './run.mjs';
import { expectSuccess, Failure, step } from './steps.mjs';

/** As React Native has it (`min_ios_version_supported`). */
const OLDEST_IOS = '15.1';

/** Rust's names of what iOS apps are built for, and Apple's. */
export const IOS_TARGETS = {
  'aarch64-apple-ios': { architecture: 'arm64', system: 'iOS' },
  'aarch64-apple-ios-sim': { architecture: 'arm64', system: 'iOS simulator' },
  'x86_64-apple-ios': { architecture: 'x86_64', system: 'iOS simulator' },
};

/** @typedef {keyof typeof IOS_TARGETS} IosTarget */

const RUSTC = join(ROOT, '.tools/rustc');

/** Functions that an app may only call for a reason that its privacy manifest gives, by the name of that there. */
const WANT_REASON = {
  NSPrivacyAccessedAPICategoryFileTimestamp: /^(f?l?stat(at)?|f?getattrlist(bulk|at)?)$/,
  NSPrivacyAccessedAPICategoryDiskSpace: /^f?stat(fs|vfs)$/,
  NSPrivacyAccessedAPICategorySystemBootTime: /^mach_absolute_time$/,
  NSPrivacyAccessedAPICategoryActiveKeyboards: /^activeInputModes$/,
};

/** Where our reasons are. */
const PRIVACY_MANIFEST = 'ios/PrivacyInfo.xcprivacy';

/** What apps compile with: uniffi's header and ours. */
const HEADERS = ['ios/Generated/spki_pinningFFI.h', 'ios/FFI/spki_pinning_check.h'];

/** Installs a Rust compiler with the source of its standard library, if there is none. */
export function installRustc() {
  return step('Rust compiler with source', async () => {
    const outcome = await run('bash', [join(ROOT, 'tests/rustc-with-source.sh'), RUSTC]);
    expectSuccess('there is no source of the standard library', outcome, 'rustup component add rust-src');
  });
}

/** Installs C compilers for iOS, if there are none. On a Mac Xcode's are taken. */
export async function installCCompilers() {
  if (process.platform === 'darwin') return;
  await step('C compilers for iOS', async () => {
    const targets = Object.keys(IOS_TARGETS);
    const outcome = await run('bash', [join(ROOT, 'tests/c-compiler.sh'), C_COMPILERS, ...targets]);
    expectSuccess('there is no C compiler for iOS', outcome);
  });
}

/**
 * The static library as it ships.
 * @param {IosTarget} target
 * @returns {Promise<string>} its path
 */
export function buildIosLibrary(target) {
  const what = [
    '-p',
    'spki-pinning-ffi',
    '--lib',
    '--crate-type',
    'staticlib',
    '--profile',
    'mobile',
    '--locked',
  ];
  const where = ['--target', target, '--target-dir', 'target/ios'];
  const withoutXcode =
    process.platform === 'darwin' ? {} : { SDKROOT: join(C_COMPILERS, 'sdk'), ...cCompiler(target) };
  const env = {
    ...WITH_STD.env,
    ...withoutXcode,
    RUSTC: join(RUSTC, 'rustc'),
    IPHONEOS_DEPLOYMENT_TARGET: OLDEST_IOS,
  };
  return step(`library for ${target}`, async () => {
    const built = await buildLibrary(
      ['rustc', ...what, ...WITH_STD.args, ...where],
      false,
      `build/ios/${target}`,
      env,
    );
    const archive = await readFile(built);
    await writeFile(built, withOwnNames(archive, objectsOf(archive)));
    return built;
  });
}

/**
 * The library with names of its own for what every Rust library exports (`rust_eh_personality`): an app with two of them
 * would not link. Mach-O's tools for that are Apple's; a name of the same length can be written over.
 * @param {Buffer} archive
 * @param {readonly import('./mach-o.mjs').MachObject[]} objects of it
 */
export function withOwnNames(archive, objects) {
  const result = Buffer.from(archive);
  for (const name of objects.flatMap(({ defined }) => defined).filter((defined) => !isOurs(defined))) {
    const text = Buffer.from(`_${name}\0`);
    for (let at = result.indexOf(text); at >= 0; at = result.indexOf(text, at + 1)) result.write('_spki', at);
  }
  return result;
}

/**
 * Whether no other library defines such a name.
 * @param {string} name
 */
function isOurs(name) {
  return /^(spki|ffi_spki_pinning_|uniffi_spki_pinning_|UNIFFI_META_(NAMESPACE_)?SPKI_PINNING)/.test(name);
}

/**
 * Fails unless a library is for its target, defines what the headers declare, and has nothing in it that is for tests.
 * @param {string} library
 * @param {IosTarget} target
 */
export async function checkIosLibrary(library, target) {
  const headers = await Promise.all(HEADERS.map((header) => readFile(join(ROOT, header), 'utf8')));
  const archive = await readFile(library);
  const reasons = await readFile(join(ROOT, PRIVACY_MANIFEST), 'utf8');
  const problems = problemsOfIosLibrary(objectsOf(archive), headers.flatMap(declaredIn), target, reasons);
  if (archive.includes('as a test asked for')) problems.push('it can be told to panic');
  if (problems.length > 0) throw new Failure(`${library}: ${problems.join('; ')}`);
  await requireAnonymous(library);
}

/**
 * The functions that a C header declares.
 * @param {string} header
 */
export function declaredIn(header) {
  const code = header.replace(/\/\/.*$/gm, '');
  return [...code.matchAll(/\b((?:uniffi_|ffi_)?spki_pinning_\w+)\s*\(/g)].map(([, name = '']) => name);
}

/**
 * @param {readonly import('./mach-o.mjs').MachObject[]} objects
 * @param {readonly string[]} declared
 * @param {IosTarget} target
 * @param {string} reasons the privacy manifest
 * @returns {string[]}
 */
export function problemsOfIosLibrary(objects, declared, target, reasons) {
  const { architecture, system } = IOS_TARGETS[target];
  const wanted = `${system} ${OLDEST_IOS} ${architecture}`;
  const found = new Set(objects.map((object) => `${object.platform} ${object.architecture}`));
  const defined = new Set(objects.flatMap((object) => object.defined));
  const missing = declared.filter((name) => !defined.has(name));
  const foreign = [...defined].filter((name) => !isOurs(name));
  const testing = [...defined].filter((name) => name.includes('testing'));
  const without = Object.entries(WANT_REASON).filter(([category]) => !reasons.includes(category));
  const called = objects.flatMap((object) => object.undefined);
  const needReason = called.filter((name) => without.some(([, functions]) => functions.test(name)));
  return [
    ...(declared.length === 0 ? ['the headers declare nothing'] : []),
    ...(found.size === 1 && found.has(wanted) ? [] : [`it is for ${[...found].join(', ')}, not ${wanted}`]),
    ...(missing.length > 0 ? [`it does not define ${missing.join(', ')}`] : []),
    ...(foreign.length > 0 ? [`it defines ${foreign.join(', ')}, as other libraries may`] : []),
    ...(needReason.length > 0 ? [`PrivacyInfo.xcprivacy gives no reason for ${needReason.join(', ')}`] : []),
    ...(testing.length > 0 ? [`it has what is for tests: ${testing.join(', ')}`] : []),
  ];
}

/**
 * What the library adds to an app, in bytes: linked alone, everything unused left out, without symbols. By Rust's own linker
 * against names that stand for the system's libraries. Absent where there is no such linker.
 * @param {string} library for aarch64-apple-ios
 * @returns {Promise<number | null>}
 */
export async function linkedSize(library) {
  const { stdout } = await run('rustc', ['--print', 'target-libdir']);
  const linker = join(stdout.trim(), '../bin/rust-lld');
  const objects = objectsOf(await readFile(library));
  const headers = await Promise.all(HEADERS.map((header) => readFile(join(ROOT, header), 'utf8')));
  const defined = new Set(objects.flatMap((object) => object.defined));
  const needed = new Set(objects.flatMap((object) => object.undefined).filter((name) => !defined.has(name)));
  const system = `${library}.tbd`;
  await writeFile(system, textStub([...needed, 'dyld_stub_binder']));
  const exported = headers.flatMap(declaredIn).flatMap((name) => ['-exported_symbol', `_${name}`]);
  const how = [
    '-arch',
    'arm64',
    '-platform_version',
    'ios',
    OLDEST_IOS,
    OLDEST_IOS,
    '-dylib',
    '-dead_strip',
    '-S',
    '-x',
  ];
  const output = `${library}.dylib`;
  const outcome = await run(linker, [
    '-flavor',
    'darwin',
    ...how,
    ...exported,
    '-o',
    output,
    library,
    system,
  ]);
  if (outcome.missing) return null;
  expectSuccess(`${library} does not link`, outcome);
  return (await stat(output)).size;
}

/**
 * A library as linkers see it.
 * @param {readonly string[]} names
 */
function textStub(names) {
  const symbols = names.map((name) => `'_${name}'`).join(', ');
  return [
    '--- !tapi-tbd',
    'tbd-version: 4',
    'targets: [ arm64-ios ]',
    "install-name: '/usr/lib/libSystem.B.dylib'",
    'exports:',
    `  - { targets: [ arm64-ios ], symbols: [ ${symbols} ] }`,
    '...',
    '',
  ].join('\n');
}
