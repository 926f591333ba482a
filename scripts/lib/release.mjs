// @ts-check
/** What a release carries beside its text: files that take several machines to build. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ABIS } from './native.mjs';

/** What developers and CI run the command line and the Expo plugin on, as Node calls it. */
const PLATFORMS = ['darwin-arm64', 'darwin-x64', 'linux-arm64', 'linux-x64', 'win32-x64'];

/** The slices that `npm run build:ios` makes. */
const SLICES = ['ios-arm64', 'ios-arm64_x86_64-simulator'];

/** By the command that makes them. */
const FILES = {
  'npm run build:android': Object.keys(ABIS).map(
    (abi) => `android/src/main/jniLibs/${abi}/libspki_pinning.so`,
  ),
  'npm run build:ios, on a Mac': [
    'ios/SpkiPinning.xcframework/Info.plist',
    ...SLICES.map((slice) => `ios/SpkiPinning.xcframework/${slice}/libspki_pinning.a`),
    'ios/Generated/spki_pinning.swift',
    'ios/Generated/spki_pinningFFI.h',
  ],
  'npm run build, on each of these platforms': PLATFORMS.map(
    (platform) => `build/node/spki-pinning.${platform}.node`,
  ),
};

/**
 * The commands whose work is missing, and what that is.
 * @param {string} directory
 * @returns {{ command: string, files: string[] }[]}
 */
export function missingFromRelease(directory) {
  return Object.entries(FILES)
    .map(([command, files]) => ({
      command,
      files: files.filter((file) => !existsSync(join(directory, file))),
    }))
    .filter(({ files }) => files.length > 0);
}
