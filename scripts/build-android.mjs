/**
 * `npm run build:android`: the library of apps (rust/ffi) for the four ABIs of Android, to android/src/main/jniLibs. It
 * needs the Android NDK, cargo-ndk and the source of Rust's standard library; what is missing is named.
 */
import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { anonymousPaths } from './lib/anonymous.mjs';
import { ABIS, checkLibrary, SHIPPED, WITH_STD } from './lib/native.mjs';
import { ROOT, run } from './lib/run.mjs';
import { Failure, main, step } from './lib/steps.mjs';
import { compareVersions, requireTools } from './lib/tools.mjs';

/** The oldest Android that React Native runs on is 7.0. */
const API_LEVEL = '24';
const JNI_LIBS = join(ROOT, 'android/src/main/jniLibs');

await main(async () => {
  await requireTools(['node', 'cargo', 'rustc']);
  const ndk = await findNdk();
  const problems = [
    ndk === null && {
      message: 'there is no Android NDK (looked at ANDROID_NDK_HOME, ANDROID_NDK_ROOT, ANDROID_HOME/ndk)',
      hint: 'sdkmanager "ndk;28.2.13676358", or ANDROID_NDK_HOME=DIRECTORY npm run build:android',
    },
    (await run('cargo', ['ndk', '--version'])).code !== 0 && {
      message: 'cargo-ndk is missing',
      hint: 'cargo install cargo-ndk --version 4.1.2 --locked',
    },
    await missingSource(),
  ].filter((problem) => problem !== false);
  if (ndk === null || problems.length > 0) {
    throw new Failure(problems.map(({ message }) => message).join('; '), {
      hint: problems.map(({ hint }) => hint).join('\n  -> '),
    });
  }
  await build(ndk);
  await report(await findReadelf(ndk));
});

/** The NDK's directory: as the environment names it, or else the newest of the SDK. */
async function findNdk() {
  const { ANDROID_NDK_HOME, ANDROID_NDK_ROOT, NDK_HOME, ANDROID_HOME, ANDROID_SDK_ROOT } = process.env;
  const named = [ANDROID_NDK_HOME, ANDROID_NDK_ROOT, NDK_HOME].find((directory) => directory);
  if (named !== undefined) return isNdk(named) ? named : null;
  const sdk = ANDROID_HOME ?? ANDROID_SDK_ROOT;
  if (sdk === undefined) return null;
  const versions = await readdir(join(sdk, 'ndk')).catch(() => []);
  const directories = versions.sort(compareVersions).map((version) => join(sdk, 'ndk', version));
  return directories.filter(isNdk).at(-1) ?? null;
}

function isNdk(directory) {
  return existsSync(join(directory, 'source.properties'));
}

/** Whether the compiler has no source of its standard library. */
async function missingSource() {
  const { stdout } = await run('rustc', ['--print', 'sysroot']);
  if (existsSync(join(stdout.trim(), 'lib/rustlib/src/rust/library/Cargo.lock'))) return false;
  return {
    message: "the source of Rust's standard library is missing",
    hint: 'rustup component add rust-src',
  };
}

async function build(ndk) {
  await step('cargo ndk', async () => {
    const abis = Object.keys(ABIS).flatMap((abi) => ['-t', abi]);
    const where = ['ndk', ...abis, '--platform', API_LEVEL, '-o', JNI_LIBS];
    const outcome = await run('cargo', [...where, 'rustc', ...SHIPPED, ...WITH_STD.args], {
      env: { ...(await anonymousPaths()), ...WITH_STD.env, ANDROID_NDK_HOME: ndk },
      show: 'progress',
    });
    if (outcome.code !== 0) throw new Failure('cargo ndk failed: see above');
  });
}

/** The NDK's own, which is made for every processor. */
async function findReadelf(ndk) {
  const prebuilt = join(ndk, 'toolchains/llvm/prebuilt');
  const [machine = ''] = await readdir(prebuilt).catch(() => []);
  const program = join(prebuilt, machine, 'bin/llvm-readelf');
  return existsSync(program) ? program : 'readelf';
}

async function report(readelf) {
  for (const abi of Object.keys(ABIS)) {
    const library = join(JNI_LIBS, abi, 'libspki_pinning.so');
    await checkLibrary(library, { readelf, pages: abi.includes('64') });
    const { size } = await stat(library);
    console.log(`${abi.padEnd(12)} ${(size / 1000).toFixed(0).padStart(6)} kB`);
  }
}
