import { existsSync } from 'node:fs';
import { relative } from 'node:path';
import { checkDocument } from '../addon.js';
import { isUpToDate } from '../embedding/file-state.js';
import { filesToEmbed } from '../embedding/index.js';
import { RESOURCE } from '../embedding/resource.js';
import { CliError } from '../errors.js';
import { readText } from '../files.js';
import { type App, record } from './app.js';
import { error, type Finding, note, warning } from './finding.js';
import { PACKAGE, REPLACED } from './installation.js';

const PLATFORMS = ['android', 'ios'] as const;

/** Whether the configuration is good, and whether the app carries it as it is. */
export async function checkConfiguration(app: App): Promise<Finding[]> {
  const plugin = app.find('expo') === null ? null : findPlugin(app);
  const source = plugin?.config ?? RESOURCE;
  const path = app.path(source);
  if (!existsSync(path)) return [checkAbsent(app, source)];
  const document = await readText(path, 'configuration');
  const { ok, problems } = checkDocument(document);
  const found = problems.map(({ severity, code, message, suggestion, path }) => ({
    severity,
    code,
    message: `${source}${path === '' ? '' : ` ${path}`}: ${message}`,
    suggestion,
  }));
  if (!ok) return found;
  return [
    note('configuration', `${source} is valid`),
    ...found,
    ...(await checkCopies(app, source, document, plugin)),
  ];
}

/** No file: it may be a choice, but a copy without a source is a rest of something. */
function checkAbsent(app: App, source: string): Finding {
  const copy = 'android/app/src/main/assets/ssl-pinning.json';
  if (existsSync(app.path(copy))) {
    const message = `the Android app carries ${copy}, but there is no ${source} that it comes from`;
    return warning('source-missing', message, `move it to ${source}, or delete it`);
  }
  return note(
    'not-embedded',
    `there is no ${source}: nothing is pinned until JavaScript calls initializeSslPinning`,
    'keep the configuration in that file, to have it in force from the start and checked in CI',
  );
}

async function checkCopies(
  app: App,
  source: string,
  document: string,
  plugin: Plugin | null,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  if (plugin !== null && !plugin.isThere) {
    const message = 'the config plugin is not in the app configuration, so `expo prebuild` embeds nothing';
    findings.push(warning('no-plugin', message, `add "${PACKAGE}" to "plugins" in app.json`));
  }
  const remedy = plugin?.isThere ? 'npx expo prebuild' : `npx ${PACKAGE} embed ${source}`;
  for (const platform of PLATFORMS.filter((platform) => existsSync(app.path(platform)))) {
    findings.push(await checkCopy(app, platform, document, remedy));
  }
  const isMade = PLATFORMS.some((platform) => existsSync(app.path(platform)));
  return isMade
    ? findings
    : [...findings, note('no-projects', 'there is neither ./android nor ./ios yet', null)];
}

async function checkCopy(
  app: App,
  platform: 'android' | 'ios',
  document: string,
  remedy: string,
): Promise<Finding> {
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
}

/** The config plugin in the app's configuration. Null if that is code: it is not run here. */
function findPlugin(app: App): Plugin | null {
  if (app.hasExpoCode()) return null;
  const plugins = app.expoConfig()?.plugins;
  const entries = Array.isArray(plugins)
    ? plugins.map((entry) => (Array.isArray(entry) ? entry : [entry]))
    : [];
  const entry = entries.find(([name]) => name === PACKAGE || name === REPLACED);
  const { config } = record(entry?.[1]);
  return { isThere: entry !== undefined, config: typeof config === 'string' ? config : undefined };
}
