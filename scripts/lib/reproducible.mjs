// @ts-check
/** Whether a library comes out the same, byte for byte, in another folder: else nobody can check what a release was made of. */
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ADDON } from './build.mjs';
import { ROOT, repositoryFiles, run } from './run.mjs';
import { expectSuccess, Failure, step } from './steps.mjs';

/**
 * What can be built again: a call in the copy's own scripts, and the file that it makes.
 * @type {Readonly<Record<string, { module: string, call: string, file: string }>>}
 */
export const LIBRARIES = {
  'arm64-v8a': {
    module: 'native.mjs',
    call: "buildAndroidLibrary('arm64-v8a', { testing: false })",
    file: 'build/android/arm64-v8a/shipped/libspki_pinning.so',
  },
  'aarch64-apple-ios': {
    module: 'apple.mjs',
    call: "buildIosLibrary('aarch64-apple-ios')",
    file: 'build/ios/aarch64-apple-ios/libspki_pinning.a',
  },
  node: { module: 'build.mjs', call: 'buildRust()', file: ADDON.slice(ROOT.length) },
};

/**
 * Builds a library from the same files in a folder of another name, with nothing built before, and compares the two.
 * @param {string} name of {@link LIBRARIES}; it has been built here
 * @returns {Promise<void>} a Failure if they differ
 */
export function rebuildElsewhere(name) {
  const library = LIBRARIES[name];
  if (library === undefined) {
    throw new Failure(`there is no library ${name}`, { hint: Object.keys(LIBRARIES).join(', ') });
  }
  return step(`${name}, once more`, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'in-a-folder-of-another-name-'));
    try {
      await copySources(folder);
      const program = `import('./scripts/lib/${library.module}').then((all) => all.${library.call})`;
      const outcome = await run(process.execPath, ['--input-type=module', '--eval', program], {
        cwd: folder,
      });
      expectSuccess(`${name} cannot be built in another folder`, outcome);
      const [here, there] = await Promise.all(
        [ROOT, folder].map((root) => readFile(join(root, library.file))),
      );
      if (!here?.equals(there ?? Buffer.of())) {
        throw new Failure(`${name} depends on the folder: ${differences(here, there)}`);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}

/** @param {string} folder gets what git knows, as it is now, and the tools */
async function copySources(folder) {
  for (const file of await repositoryFiles()) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await copyFile(join(ROOT, file), join(folder, file)).catch((error) => {
      if (error.code !== 'ENOENT') throw error; // deleted here, and git has not been told
    });
  }
  await symlink(join(ROOT, '.tools'), join(folder, '.tools'));
}

/**
 * @param {Buffer} [here]
 * @param {Buffer} [there]
 */
function differences(here = Buffer.of(), there = Buffer.of()) {
  if (here.length !== there.length) return `${here.length} and ${there.length} bytes`;
  const first = here.findIndex((byte, at) => byte !== there[at]);
  const count = here.reduce((sum, byte, at) => sum + Number(byte !== there[at]), 0);
  return `${count} of ${here.length} bytes, from byte ${first} on`;
}
