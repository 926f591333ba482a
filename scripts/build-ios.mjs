/**
 * `npm run build:ios`: the library of apps (rust/ffi) for devices and simulators, to ios/SpkiPinning.xcframework, and the Swift
 * bindings, to ios/Generated. It needs the source of Rust's standard library, and Xcode; what is missing is named.
 */
import { mkdir, rm, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import {
  buildIosLibrary,
  checkIosLibrary,
  IOS_TARGETS,
  installCCompilers,
  installRustc,
} from './lib/apple.mjs';
import { ROOT, run } from './lib/run.mjs';
import { expectSuccess, Failure, main, step } from './lib/steps.mjs';
import { writeBindings } from './lib/swift.mjs';
import { requireTools } from './lib/tools.mjs';

const FRAMEWORK = join(ROOT, 'ios/SpkiPinning.xcframework');

await main(async () => {
  await requireTools(['node', 'cargo', 'rustc']);
  await installRustc();
  await installCCompilers();
  const libraries = {};
  for (const target of Object.keys(IOS_TARGETS)) libraries[target] = await buildIosLibrary(target);
  await step('bindings for Swift', () => writeBindings(libraries['aarch64-apple-ios'], 'Generated'));
  await step('symbols and platforms', () =>
    Promise.all(Object.entries(libraries).map(([target, library]) => checkIosLibrary(library, target))),
  );
  await requireXcode(Object.values(libraries));
  await step('xcframework', () => assemble(libraries));
});

/** Says what there is all the same. */
async function requireXcode(libraries) {
  if ((await run('xcodebuild', ['-version'])).code === 0) return;
  const sizes = await Promise.all(
    libraries.map(
      async (path) => `${relative(ROOT, path)}: ${((await stat(path)).size / 1000).toFixed(0)} kB`,
    ),
  );
  throw new Failure('Xcode is missing, which makes an xcframework of the libraries that are built', {
    hint: 'on a Mac: xcode-select --install, then npm run build:ios',
    output: sizes.join('\n'),
  });
}

/** The headers and the module map are ios/FFI and ios/Generated, where the podspec finds them. */
async function assemble(libraries) {
  const simulator = join(ROOT, 'build/ios/simulator/libspki_pinning.a');
  await mkdir(dirname(simulator), { recursive: true });
  const slices = [libraries['aarch64-apple-ios-sim'], libraries['x86_64-apple-ios']];
  const joined = await run('xcrun', ['lipo', '-create', ...slices, '-output', simulator]);
  expectSuccess('lipo cannot join the libraries for simulators', joined);
  await rm(FRAMEWORK, { recursive: true, force: true });
  const parts = [libraries['aarch64-apple-ios'], simulator].flatMap((library) => ['-library', library]);
  const made = await run('xcodebuild', ['-create-xcframework', ...parts, '-output', FRAMEWORK]);
  expectSuccess('xcodebuild cannot make the xcframework', made);
}
