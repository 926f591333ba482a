import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readIfThere } from '../cli/embedding/file-state.js';
import type { AndroidManifest, ConfigPlugins } from './config-plugins.js';
import { withRules } from './network-security-config.js';
import type { AndroidRule } from './platform-rules.js';

const ATTRIBUTE = 'android:networkSecurityConfig';
const OWN_REFERENCE = '@xml/network_security_config';

type Xml = ConfigPlugins['XML'];

/** Writes rules into the network security configuration that the app's manifest names, or into one that it names then. */
export async function applyAndroidRules(
  project: string,
  rules: readonly AndroidRule[],
  xml: Xml,
): Promise<void> {
  const sources = join(project, 'app/src');
  const manifestPath = join(sources, 'main/AndroidManifest.xml');
  const manifest: AndroidManifest = await xml.readXMLAsync({ path: manifestPath });
  const attributes = manifest.manifest.application?.[0]?.$;
  if (attributes === undefined) throw new Error(`${manifestPath} has no application`);
  const named = attributes[ATTRIBUTE];
  if (named === undefined && rules.length === 0) return;
  const file = `res/${pathOf(named ?? OWN_REFERENCE)}.xml`;
  if (named !== undefined && (await readIfThere(join(sources, 'main', file))) === null) {
    if (rules.length === 0) return; // it is in a library, and none of the plugin's
    throw new Error(
      `the app's manifest names ${named}, but there is no ${join(sources, 'main', file)} to add pins to`,
    );
  }
  for (const name of await readdir(sources)) {
    await applyToSourceSet(join(sources, name), file, named === undefined, rules, xml);
  }
  if (named !== undefined) return;
  attributes[ATTRIBUTE] = OWN_REFERENCE;
  await xml.writeXMLAsync({ path: manifestPath, xml: manifest });
}

/**
 * In `debug` and its like there may be a file that takes the place of that in `main`. If the app had none, one is made
 * where plain HTTP is permitted: with a network security configuration Android no longer looks at `usesCleartextTraffic`,
 * and a debug build could not talk to Metro.
 */
async function applyToSourceSet(
  directory: string,
  file: string,
  isNew: boolean,
  rules: readonly AndroidRule[],
  xml: Xml,
): Promise<void> {
  const path = join(directory, file);
  const isThere = (await readIfThere(path)) !== null;
  const permits = isNew && !isThere && (await permitsCleartext(join(directory, 'AndroidManifest.xml'), xml));
  if (!isThere && !permits && !(isNew && directory.endsWith('main'))) return;
  const base = permits ? '<base-config cleartextTrafficPermitted="true"/>' : '';
  const fallback = `<network-security-config>${base}</network-security-config>`;
  const before = await xml.readXMLAsync({ path, fallback });
  const after = withRules(before, rules);
  if (JSON.stringify(after) !== JSON.stringify(before)) await xml.writeXMLAsync({ path, xml: after });
}

async function permitsCleartext(path: string, xml: Xml): Promise<boolean> {
  const manifest: AndroidManifest = await xml.readXMLAsync({ path, fallback: '<manifest/>' });
  return manifest.manifest.application?.[0]?.$?.['android:usesCleartextTraffic'] === 'true';
}

/** `@xml/name` as a path within `res`. */
function pathOf(reference: string): string {
  const path = /^@(xml\/\w+)$/.exec(reference)?.[1];
  if (path === undefined)
    throw new Error(`the app's manifest names the network security configuration ${reference}`);
  return path;
}
