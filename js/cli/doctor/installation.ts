import type { App, Installed } from './app.js';
import type { ExpoConfig } from './expo-config.js';
import { error, type Finding, note, warning } from './finding.js';

/** This package. */
export const PACKAGE = 'react-native-spki-pinning';
/** The package that it replaces, under whose name npm may install it. */
export const REPLACED = 'react-native-ssl-public-key-pinning';

/** React Native versions, as [major, minor], that this package is made for: from its peer dependency to the newest tried. */
const OLDEST = [0, 80] as const;
const NEWEST_TRIED = [0, 88] as const;
/** From here on there is nothing but the new architecture. */
const ONLY_NEW_ARCHITECTURE = [0, 82] as const;

/** Packages that want the places that pinning needs, or pin by themselves. */
const RIVALS: Readonly<Record<string, string>> = {
  'react-native-ssl-pinning':
    'what is fetched by its own `fetch` is pinned by it alone, and by nothing once you call the global one',
  'react-native-ssl-manager': 'both would judge the same requests, each by pins of its own',
  '@bam.tech/react-native-app-security': 'its pinning, TrustKit and OkHttp, would judge the same requests',
};

/** What is installed, and whether it can work together. */
export function checkInstallation(app: App, expo: ExpoConfig): Finding[] {
  return [
    ...checkPackage(app),
    ...checkPatches(app),
    ...checkPods(app),
    ...checkReactNative(app),
    ...checkArchitecture(app, expo),
    ...checkRivals(app),
  ];
}

/** This package in the app, by its name or by the name of the one it replaces. */
export function findPackage(app: App): Installed | null {
  return [PACKAGE, REPLACED].map((name) => app.find(name)).find((found) => found?.name === PACKAGE) ?? null;
}

function checkPackage(app: App): Finding[] {
  const replaced = app.find(REPLACED);
  const isAlias = replaced?.name === PACKAGE;
  const found = findPackage(app);
  if (found === null) {
    return [
      error('not-installed', `${PACKAGE} is not installed in ${app.directory}`, `npm install ${PACKAGE}`),
    ];
  }
  const installed = note(
    'installed',
    `${PACKAGE} ${found.version}${isAlias ? `, in the place of ${REPLACED}` : ''}`,
  );
  const both = isAlias && app.findOwn(PACKAGE) !== null;
  if (!both) return [installed];
  return [
    installed,
    error(
      'installed-twice',
      `it is installed by its own name and as ${REPLACED}, and an app cannot link one native module twice`,
      `keep one of the two in package.json`,
    ),
  ];
}

/** Tools that change installed packages keep the changes in files that are named for the package. */
function checkPatches(app: App): Finding[] {
  const { name = PACKAGE, directory } = findPackage(app) ?? {};
  const own = [name, ...(directory?.endsWith(REPLACED) ? [REPLACED] : [])];
  const patches = ['patches', '.yarn/patches'].flatMap((folder) =>
    app
      .names(folder)
      .filter((file) => own.some((prefix) => file.startsWith(prefix)))
      .map((file) => `${folder}/${file}`),
  );
  return patches.map((patch) =>
    warning(
      'patched',
      `${patch} changes this package: what the app has is not what was tested`,
      `see what it does`,
    ),
  );
}

/** What npm has installed is not in the iOS app before CocoaPods has seen it. */
function checkPods(app: App): Finding[] {
  const pods = app.read('ios/Podfile.lock');
  if (pods === null || findPackage(app) === null || pods.includes(`- ${PACKAGE} (`)) return [];
  const message = `ios/Podfile.lock does not have ${PACKAGE}: the iOS app is built without it`;
  return [warning('pods-stale', message, 'run `pod install` in ios')];
}

function checkReactNative(app: App): Finding[] {
  const found = app.find('react-native');
  if (found === null) {
    return [
      error('no-react-native', 'react-native is not installed', 'run `npm install` in the root of the app'),
    ];
  }
  const version = minorOf(found);
  if (compare(version, OLDEST) < 0) {
    const message = `React Native ${found.version} is older than 0.${OLDEST[1]}, the oldest that works`;
    return [error('react-native-too-old', message, 'upgrade React Native')];
  }
  if (compare(version, NEWEST_TRIED) > 0) {
    const message = `React Native ${found.version} is newer than any that this version was tried with (0.${NEWEST_TRIED[1]})`;
    return [
      warning(
        'react-native-untried',
        message,
        `look for a newer ${PACKAGE}, and test a wrong pin on a device`,
      ),
    ];
  }
  const expo = app.find('expo');
  const sdk = expo === null ? '' : `, Expo SDK ${expo.version.split('.')[0]}`;
  return [note('react-native', `React Native ${found.version}${sdk}`)];
}

function checkArchitecture(app: App, expo: ExpoConfig): Finding[] {
  const reactNative = app.find('react-native');
  if (reactNative === null || compare(minorOf(reactNative), ONLY_NEW_ARCHITECTURE) >= 0) return [];
  const isOff =
    /^\s*newArchEnabled\s*=\s*false/m.test(app.read('android/gradle.properties') ?? '') ||
    /"newArchEnabled"\s*:\s*"?false/.test(app.read('ios/Podfile.properties.json') ?? '') ||
    /^[^#\n]*RCT_NEW_ARCH_ENABLED\W+(?:0|false)\b/m.test(app.read('ios/Podfile') ?? '') ||
    (expo.state === 'known' && expo.content.newArchEnabled === false);
  if (!isOff) return [note('architecture', 'new architecture')];
  return [
    error(
      'old-architecture',
      'the new architecture is switched off, without which initializeSslPinning rejects and pins nothing',
      'switch it on, on both platforms',
    ),
  ];
}

function checkRivals(app: App): Finding[] {
  const replaced = app.find(REPLACED);
  const findings: Finding[] = [];
  if (replaced !== null && replaced.name !== PACKAGE) {
    const message = `${REPLACED} ${replaced.version} is installed too, and takes the same places in React Native's network code`;
    findings.push(error('rival', message, `npm uninstall ${REPLACED}; the imports stay with the npm alias`));
  } else if (/^\s*- TrustKit\b/m.test(app.read('ios/Podfile.lock') ?? '')) {
    const message = 'the iOS app links TrustKit, which may judge the same requests by pins of its own';
    findings.push(warning('rival', message, 'remove it, or run `pod install` if it is a rest'));
  }
  for (const [name, why] of Object.entries(RIVALS)) {
    if (app.findOwn(name) === null) continue;
    findings.push(warning('rival', `${name} is installed too: ${why}`, `npm uninstall ${name}`));
  }
  return findings;
}

function minorOf({ version }: Installed): readonly [number, number] {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return [major, minor];
}

function compare(a: readonly [number, number], b: readonly [number, number]): number {
  return a[0] - b[0] || a[1] - b[1];
}
