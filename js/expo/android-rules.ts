import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { readIfThere } from '../cli/embedding/file-state.js';
import type { AndroidManifest, ConfigPlugins } from './config-plugins.js';
import { withRules } from './network-security-config.js';
import type { AndroidRule } from './platform-rules.js';

const ATTRIBUTE = 'android:networkSecurityConfig';
const OWN_REFERENCE = '@xml/network_security_config';
const OWN_FILE = 'res/xml/network_security_config.xml';
const MANIFEST = 'AndroidManifest.xml';

type Xml = ConfigPlugins['XML'];

/**
 * Writes rules into the network security configuration that the app's manifest names, or into one that it names then; and
 * into those that manifests of flavors and build types name in its place.
 */
export async function applyAndroidRules(
  project: string,
  rules: readonly AndroidRule[],
  xml: Xml,
): Promise<void> {
  const sources = join(project, 'app/src');
  const manifestPath = join(sources, 'main', MANIFEST);
  const manifest: AndroidManifest = await xml.readXMLAsync({ path: manifestPath });
  const attributes = attributesOf(manifest);
  const named = attributes?.[ATTRIBUTE];
  const entries = await readdir(sources, { withFileTypes: true });
  const sets = entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(sources, name));
  for (const reference of await referencesIn(sets, xml)) {
    const file = fileOf(reference);
    const found = file === null ? [] : await filter(sets, async (set) => isThere(join(set, file)));
    // What every build names has to be there for every build.
    const isMissing = reference === named && !found.includes(join(sources, 'main'));
    if (file === null || found.length === 0 || (isMissing && rules.length > 0)) {
      if (rules.length === 0) continue; // it is in a library, say, and nothing in it is the plugin's
      throw new Error(
        `an Android manifest of the app names the network security configuration ${reference}, and there is no such file ` +
          `in ${sources} to add pins to: write it there as res/xml/NAME.xml, or switch nativeLayer off`,
      );
    }
    for (const set of found) await applyToFile(join(set, file), '', rules, xml);
  }
  if (named !== undefined || rules.length === 0) return;
  if (attributes === undefined) throw new Error(`${manifestPath} has no application`);
  for (const set of sets) await makeIn(set, rules, xml);
  attributes[ATTRIBUTE] = OWN_REFERENCE;
  await xml.writeXMLAsync({ path: manifestPath, xml: manifest });
}

/** What the manifests of source sets name, each once. */
async function referencesIn(sets: readonly string[], xml: Xml): Promise<string[]> {
  const named = await Promise.all(
    sets.map(async (set) => (await readManifest(join(set, MANIFEST), xml))?.[ATTRIBUTE]),
  );
  return [...new Set(named.filter((reference) => reference !== undefined))];
}

/**
 * A file for an app that had none: in `main`, and where plain HTTP is permitted, in `debug` say. With a network security
 * configuration Android no longer looks at `usesCleartextTraffic`, and a debug build could not talk to Metro.
 */
async function makeIn(set: string, rules: readonly AndroidRule[], xml: Xml): Promise<void> {
  const attributes = await readManifest(join(set, MANIFEST), xml);
  const permits = attributes?.['android:usesCleartextTraffic'] === 'true';
  const base = permits ? '<base-config cleartextTrafficPermitted="true"/>' : '';
  const path = join(set, OWN_FILE);
  if (permits || basename(set) === 'main' || (await isThere(path))) await applyToFile(path, base, rules, xml);
}

async function applyToFile(
  path: string,
  base: string,
  rules: readonly AndroidRule[],
  xml: Xml,
): Promise<void> {
  const fallback = `<network-security-config>${base}</network-security-config>`;
  const before = await xml.readXMLAsync({ path, fallback });
  const after = withRules(before, rules);
  if (JSON.stringify(after) !== JSON.stringify(before)) await xml.writeXMLAsync({ path, xml: after });
}

async function readManifest(path: string, xml: Xml): Promise<Record<string, string> | undefined> {
  return attributesOf(await xml.readXMLAsync({ path, fallback: '<manifest/>' }));
}

/** Of the application; an element without any content is text to Expo's reader. */
function attributesOf({ manifest }: AndroidManifest): Record<string, string> | undefined {
  return typeof manifest === 'object' ? manifest.application?.[0]?.$ : undefined;
}

/** `@xml/name` as a file within a source set, or null. */
function fileOf(reference: string): string | null {
  const path = /^@(xml\/\w+)$/.exec(reference)?.[1];
  return path === undefined ? null : `res/${path}.xml`;
}

async function isThere(path: string): Promise<boolean> {
  return (await readIfThere(path)) !== null;
}

async function filter<T>(all: readonly T[], holds: (one: T) => Promise<boolean>): Promise<T[]> {
  const kept = await Promise.all(all.map(holds));
  return all.filter((_, index) => kept[index]);
}
