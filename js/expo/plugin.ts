/** The config plugin: what `expo prebuild` does for pinning. */
import { resolve } from 'node:path';
import { checkDocument, domainsOf } from '../cli/addon.js';
import { describeProblem } from '../cli/check.js';
import { bringUpToDate, type Platform } from '../cli/embedding/file-state.js';
import { filesToEmbed } from '../cli/embedding/index.js';
import { CliError } from '../cli/errors.js';
import { readText } from '../cli/files.js';
import { styleFor } from '../cli/output.js';
import { applyAndroidRules } from './android-rules.js';
import { type ConfigPlugins, configPlugins, type ExpoConfig, type ModConfig } from './config-plugins.js';
import { type ReadOptions, readOptions, type SslPinningPluginOptions } from './options.js';
import { withPinnedDomains } from './pinned-domains.js';
import { type PlatformRules, platformRules } from './platform-rules.js';

export type { NativeLayerOptions, SslPinningPluginOptions } from './options.js';

/** A valid configuration file and what follows from it. */
interface Configuration {
  readonly document: string;
  readonly rules: PlatformRules;
}

/**
 * Embeds the app's `ssl-pinning.json` on both platforms. Everything happens when the native projects are made, so that a
 * mistake in the file stops `expo prebuild`, and nothing else. The embedding is a "finalized" mod: all other plugins have
 * written their files by then.
 */
export function withSslPinning(config: ExpoConfig, given?: SslPinningPluginOptions): ExpoConfig {
  const options = readOptions(given);
  const expo = configPlugins(config._internal?.projectRoot ?? process.cwd());
  const embedded = (['android', 'ios'] as const).reduce(
    (config, platform) => withEmbedded(config, expo, platform, options),
    config,
  );
  return expo.withInfoPlist(embedded, (config) =>
    orStopped(config, async () => {
      const { rules } = await read(config.modRequest.projectRoot, options);
      config.modResults = withPinnedDomains(config.modResults, rules.ios);
    }),
  );
}

function withEmbedded(
  config: ExpoConfig,
  expo: ConfigPlugins,
  platform: Platform,
  options: ReadOptions,
): ExpoConfig {
  return expo.withFinalizedMod(config, [
    platform,
    (config) =>
      orStopped(config, async () => {
        const { projectRoot, platformProjectRoot } = config.modRequest;
        const { document, rules } = await read(projectRoot, options);
        const hasUpdates = Boolean(JSON.parse(document).settings?.updates);
        await bringUpToDate(await filesToEmbed({ [platform]: platformProjectRoot }, document));
        if (platform === 'android') await applyAndroidRules(platformProjectRoot, rules.android, expo.XML);
        if (options.nativeLayer !== null) warn(expo, platform, rules, hasUpdates);
      }),
  ]);
}

/** Prebuild prints the message of an error and nothing else: what to do belongs into it. */
async function orStopped<Config extends ModConfig<unknown>>(
  config: Config,
  work: () => Promise<void>,
): Promise<Config> {
  try {
    await work();
    return config;
  } catch (error) {
    throw error instanceof CliError ? stopped(error.message, [`-> ${error.suggestion}`]) : error;
  }
}

/** Throws with every problem of the file. */
async function read(projectRoot: string, { config, nativeLayer }: ReadOptions): Promise<Configuration> {
  const document = await readText(resolve(projectRoot, config), 'configuration');
  const { ok, problems } = checkDocument(document);
  const plain = styleFor({}, {});
  if (!ok) {
    const found = problems.map((problem) => describeProblem(problem, config, plain));
    throw stopped(`${config} is not valid, so no app is made with it`, found);
  }
  const domains = nativeLayer === null ? [] : domainsOf(document);
  return { document, rules: platformRules(domains, nativeLayer?.caPins ?? []) };
}

function stopped(why: string, details: readonly string[]): Error {
  return new Error([`react-native-spki-pinning: ${why}`, ...details].join('\n'));
}

/** Said at every prebuild: who reads it may be another one than who switched it on. */
function warn(
  { WarningAggregator }: ConfigPlugins,
  platform: Platform,
  { ios, leftOut }: PlatformRules,
  hasUpdates: boolean,
): void {
  const add = platform === 'android' ? WarningAggregator.addWarningAndroid : WarningAggregator.addWarningIOS;
  const say = (text: string) => add('react-native-spki-pinning nativeLayer', text);
  say(
    'the platform itself enforces these pins from now on. An installed app cannot change, observe or switch that off, not by ' +
      'initializeSslPinning, disableSslPinning or an update over the air: a key that none of them fits locks it out until ' +
      'its next release.',
  );
  if (hasUpdates)
    say('signed pins (`settings.updates`) do not reach these: after a rotation they would lock the app out.');
  const leaf = ios.filter(({ kind }) => kind === 'leaf').map(({ domain }) => domain);
  if (platform === 'ios' && leaf.length > 0) {
    say(
      `the pins of ${leaf.join(', ')} are compared with the server's own key only. If one is of a certificate authority, ` +
        'name it in nativeLayer.caPins.',
    );
  }
  for (const text of leftOut[platform]) say(`left to the library alone: ${text}.`);
}
