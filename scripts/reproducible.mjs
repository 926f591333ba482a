/**
 * `npm run reproducible`, or `npm run reproducible -- NAME…`: builds the libraries twice, in different folders, and compares.
 * What there is: arm64-v8a (Android), aarch64-apple-ios, node.
 */
import { buildIosLibrary, installCCompilers, installRustc } from './lib/apple.mjs';
import { buildRust } from './lib/build.mjs';
import { buildAndroidLibrary, installToolchain } from './lib/native.mjs';
import { LIBRARIES, rebuildElsewhere } from './lib/reproducible.mjs';
import { main } from './lib/steps.mjs';
import { ANDROID_TOOLCHAIN, requireTools } from './lib/tools.mjs';

const BUILD = {
  'arm64-v8a': async () => {
    await installToolchain(['arm64-v8a']);
    await buildAndroidLibrary('arm64-v8a', { testing: false });
  },
  'aarch64-apple-ios': async () => {
    await installRustc();
    await installCCompilers();
    await buildIosLibrary('aarch64-apple-ios');
  },
  node: buildRust,
};

await main(async () => {
  await requireTools(['node', 'cc', ...ANDROID_TOOLCHAIN]);
  const names = process.argv.slice(2);
  for (const name of names.length > 0 ? names : Object.keys(LIBRARIES)) {
    await BUILD[name]?.();
    await rebuildElsewhere(name);
  }
  return 0;
});
