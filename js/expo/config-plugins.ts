import { createRequire } from 'node:module';
import { join } from 'node:path';

/** An app's configuration as Expo hands it to a plugin. */
export interface ExpoConfig {
  name: string;
  slug: string;
  _internal?: { projectRoot?: string; [more: string]: unknown };
  // biome-ignore lint/suspicious/noExplicitAny: what else is in it is Expo's, and differs from version to version
  [more: string]: any;
}

/** A change of a native project. */
type Mod<Data> = <Config extends ModConfig<Data>>(config: Config) => Promise<Config>;

/** The configuration while a native project is changed. */
export interface ModConfig<Data> extends ExpoConfig {
  modResults: Data;
  modRequest: { projectRoot: string; platformProjectRoot: string };
}

/** Of an AndroidManifest.xml. */
export interface AndroidManifest {
  manifest: { application?: { $?: Record<string, string> }[] };
}

/** The little of `expo/config-plugins` that is used here. A test holds it against the real one. */
export interface ConfigPlugins {
  withFinalizedMod(config: ExpoConfig, mod: [platform: 'android' | 'ios', action: Mod<unknown>]): ExpoConfig;
  withInfoPlist(config: ExpoConfig, action: Mod<Record<string, unknown>>): ExpoConfig;
  readonly WarningAggregator: {
    addWarningAndroid(property: string, text: string): void;
    addWarningIOS(property: string, text: string): void;
  };
  readonly XML: {
    // biome-ignore lint/suspicious/noExplicitAny: xml2js's objects, whose shape is the file's
    readXMLAsync(options: { path: string; fallback?: string }): Promise<any>;
    writeXMLAsync(options: { path: string; xml: unknown }): Promise<void>;
  };
}

/** Expo's own, of the app: this package does not depend on Expo, and an app need not have it. */
export function configPlugins(projectRoot: string): ConfigPlugins {
  return createRequire(join(projectRoot, 'package.json'))('expo/config-plugins');
}
