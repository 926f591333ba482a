import { RESOURCE } from '../embedding/resource.js';
import type { App } from './app.js';
import { error, type Finding, warning } from './finding.js';
import { PACKAGE, REPLACED } from './installation.js';

/** What an Android project says against this package, or leaves out. What nobody changes in such files is not looked for. */
export function checkAndroidProject(app: App): Finding[] {
  return [...checkManifests(app), ...checkGradle(app)];
}

const PROVIDER = 'com.spkipinning.SpkiPinningInitializer';

/** A provider starts pinning before any code of the app; a manifest of the app's can take it out again. */
function checkManifests(app: App): Finding[] {
  const takesOut = (path: string) =>
    elements(app.read(path) ?? '', 'provider').some(
      (element) =>
        /\btools:node\s*=\s*["']removeAll["']/.test(element) ||
        (/\btools:node\s*=\s*["']remove["']/.test(element) && element.includes(PROVIDER)),
    );
  const manifests = app.names('android/app/src').map((set) => `android/app/src/${set}/AndroidManifest.xml`);
  return manifests
    .filter(takesOut)
    .map((path) =>
      error(
        'start-removed',
        `${path} takes out the provider ${PROVIDER}: nothing is pinned before JavaScript, whatever is embedded`,
        'take away its tools:node, or limit it to other providers by their names',
      ),
    );
}

/** The opening tags of a name, without comments. */
function elements(xml: string, name: string): string[] {
  return xml.replace(/<!--[\s\S]*?-->/g, '').match(new RegExp(`<${name}\\b[^>]*>`, 'g')) ?? [];
}

const LINKS = /autolinkLibrariesWithApp|native_modules\.gradle|applyNativeModules/;
const OWN_ASSETS = /\bassets\s*(?:\.|\{[^}]*\b)(?:srcDirs\s*=|setSrcDirs\b)([^\n]*)/;

function checkGradle(app: App): Finding[] {
  const file = ['android/app/build.gradle', 'android/app/build.gradle.kts'].find(
    (path) => app.read(path) !== null,
  );
  if (file === undefined) return [];
  const script = withoutComments(app.read(file) ?? '');
  const findings: Finding[] = [];
  if (!LINKS.test(script) && ![PACKAGE, REPLACED].some((name) => script.includes(name))) {
    findings.push(
      warning(
        'gradle-links-nothing',
        `${file} does not ask for autolinking, nor for ${PACKAGE}: the Android app is built without it`,
        'call autolinkLibrariesWithApp() in its block `react`',
      ),
    );
  }
  const assets = OWN_ASSETS.exec(script)?.[1];
  if (assets !== undefined && !assets.includes('src/main/assets')) {
    findings.push(
      warning(
        'gradle-assets',
        `${file} has folders of its own for assets; ${RESOURCE} is embedded into src/main/assets`,
        `add that folder to them, and look for assets/${RESOURCE} in a built APK`,
      ),
    );
  }
  return findings;
}

function withoutComments(script: string): string {
  return script.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/[^\n]*/g, '$1');
}
