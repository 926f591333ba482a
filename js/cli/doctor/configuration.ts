import { existsSync } from 'node:fs';
import { relative } from 'node:path';
import { checkDocument, domainsOf } from '../addon.js';
import { androidOverrides } from '../embedding/android.js';
import { isUpToDate, type Platform } from '../embedding/file-state.js';
import { filesToEmbed } from '../embedding/index.js';
import { RESOURCE } from '../embedding/resource.js';
import { CliError } from '../errors.js';
import { readText } from '../files.js';
import { type App, record } from './app.js';
import type { ExpoConfig } from './expo-config.js';
import { error, type Finding, note, warning } from './finding.js';
import { PACKAGE, REPLACED } from './installation.js';
import { isInSources } from './sources.js';

const PLATFORMS = ['android', 'ios'] as const;
/** As an Expo configuration names the config plugin; the last is its function. */
const PLUGIN_NAMES = [PACKAGE, REPLACED, `${PACKAGE}/app.plugin.js`, 'withSslPinning'];

/** Whether the configuration is good, and whether the app carries it as it is. */
export async function checkConfiguration(app: App, expo: ExpoConfig): Promise<Finding[]> {
  const plugin = findPlugin(expo);
  const source = plugin?.config ?? RESOURCE;
  const unknown = expo.state === 'unknown' ? [expoUnknown(expo.file, expo.why)] : [];
  if (!existsSync(app.path(source))) return [...unknown, await checkAbsent(app, source, plugin)];
  const document = await readText(app.path(source), 'configuration');
  const { ok, problems } = checkDocument(document);
  const found = problems.map(({ severity, code, message, suggestion, path }) => ({
    severity,
    code,
    message: `${source}${path === '' ? '' : ` ${path}`}: ${message}`,
    suggestion,
  }));
  if (!ok) return [...unknown, ...found];
  return [
    ...unknown,
    note('configuration', `${source} is valid`),
    ...found,
    ...checkEffect(source, document),
    ...(await checkCopies(app, source, document, plugin)),
  ];
}

/** A valid configuration may refuse nothing at all. */
function checkEffect(source: string, document: string): Finding[] {
  const domains = domainsOf(document);
  if (domains.length === 0) {
    const message = `${source} names no domain, so it pins nothing`;
    return [warning('nothing-pinned', message, 'add the domains, unless the app adds them by itself')];
  }
  if (domains.some(({ state }) => state === 'enforced' || state === 'expiring')) return [];
  const message = `each domain of ${source} is report-only or has expired: no connection is refused`;
  return [warning('nothing-enforced', message, 'take reportOnly away once the reports are quiet')];
}

function expoUnknown(file: string, why: string): Finding {
  return note(
    'expo-config-unknown',
    `${file} cannot be seen, so it is not known whether the config plugin is in it, and with which file: ${why}`,
    `look for "${PACKAGE}" under "plugins" in what \`npx expo config\` prints`,
  );
}

/** No file: it may be a choice, but a copy without a source is a rest of something. */
async function checkAbsent(app: App, source: string, plugin: Plugin | null): Promise<Finding> {
  if (plugin?.isThere) {
    const message = `the config plugin embeds ${source}, which is not there: \`expo prebuild\` will stop`;
    return error(
      'source-missing',
      message,
      `write ${source}, or name another file in \`config\` of the plugin`,
    );
  }
  const copies = await Promise.all(PLATFORMS.map((platform) => copyOf(app, platform)));
  const copy = copies.find((path) => path !== null);
  if (copy !== undefined) {
    const message = `the app carries ${copy}, but there is no ${source} that it comes from`;
    return warning('source-missing', message, `move it to ${source}, or delete it`);
  }
  if (!isInSources(app, 'initializeSslPinning')) {
    const message = `there is no ${source}, and no file of the app calls initializeSslPinning: nothing is pinned`;
    return warning('nothing-pinned', message, `write ${source} and embed it, or call initializeSslPinning`);
  }
  return note(
    'not-embedded',
    `there is no ${source}: nothing is pinned until JavaScript calls initializeSslPinning`,
    'keep the configuration in that file, to have it in force from the start and checked in CI',
  );
}

/** The copy that a platform's project has, or null. */
async function copyOf(app: App, platform: Platform): Promise<string | null> {
  const files = await filesToEmbed({ [platform]: app.path(platform) }, '').catch(() => []);
  const copy = files.find(({ role, is }) => role === 'copy' && is !== null);
  return copy === undefined ? null : relative(app.directory, copy.path);
}

async function checkCopies(
  app: App,
  source: string,
  document: string,
  plugin: Plugin | null,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  if (plugin !== null && !plugin.isThere) {
    const message = `the config plugin is not in ${plugin.file}, so \`expo prebuild\` embeds nothing`;
    const suggestion = `add "${PACKAGE}" to "plugins" in ${plugin.file}; where nobody runs prebuild, embed is enough`;
    findings.push(warning('no-plugin', message, suggestion));
  }
  const remedy = plugin?.isThere ? 'npx expo prebuild' : `npx ${PACKAGE} embed ${source}`;
  for (const platform of PLATFORMS.filter((platform) => existsSync(app.path(platform)))) {
    findings.push(await checkCopy(app, platform, document, remedy));
  }
  for (const path of await androidOverrides(app.path('android'), document)) {
    const override = relative(app.directory, path);
    const message = `builds with the source set of ${override} carry that in its place`;
    findings.push(warning('embedded-overridden', message, `npx ${PACKAGE} check ${override}, or delete it`));
  }
  const isMade = PLATFORMS.some((platform) => existsSync(app.path(platform)));
  return isMade
    ? findings
    : [...findings, note('no-projects', 'there is neither ./android nor ./ios yet', null)];
}

async function checkCopy(app: App, platform: Platform, document: string, remedy: string): Promise<Finding> {
  try {
    const files = await filesToEmbed({ [platform]: app.path(platform) }, document);
    const stale = files.filter((file) => !isUpToDate(file)).map(({ path }) => relative(app.directory, path));
    if (stale.length === 0) return note('embedded', `the ${platform} app carries it as it is`);
    return error(
      'embedded-differs',
      `the ${platform} app does not carry it as it is: ${stale.join(', ')}`,
      remedy,
    );
  } catch (caught) {
    if (!(caught instanceof CliError)) throw caught;
    return error(caught.code, caught.message, caught.suggestion ?? remedy);
  }
}

interface Plugin {
  readonly isThere: boolean;
  readonly config: string | undefined;
  /** Where it belongs. */
  readonly file: string;
}

/** The config plugin in the app's Expo configuration. Null where there is none, or nobody can see it. */
function findPlugin(expo: ExpoConfig): Plugin | null {
  if (expo.state !== 'known') return null;
  const { plugins } = expo.content;
  const entries = Array.isArray(plugins)
    ? plugins.map((entry) => (Array.isArray(entry) ? entry : [entry]))
    : [];
  const entry = entries.find(([name]) => PLUGIN_NAMES.includes(name));
  const { config } = record(entry?.[1]);
  return {
    isThere: entry !== undefined,
    config: typeof config === 'string' ? config : undefined,
    file: expo.file,
  };
}
