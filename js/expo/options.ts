import { nearest } from '../cli/args.js';

/** What the plugin takes in the app's configuration: `["react-native-spki-pinning", { … }]`. */
export interface SslPinningPluginOptions {
  /**
   * The configuration file, relative to the app's root.
   * @default './ssl-pinning.json'
   */
  config?: string;
  /**
   * Whether the platforms enforce the pins as well: Android's network security configuration, iOS's App Transport
   * Security. That reaches web views on Android, and libraries with network stacks of their own, but cannot be changed,
   * switched off or observed by the app: a pin that no longer fits locks every installed app out until it is updated.
   * @default false
   */
  nativeLayer?: boolean | NativeLayerOptions;
}

/** How the platforms enforce pins. */
export interface NativeLayerOptions {
  /**
   * Those of the pins that are keys of certificate authorities, intermediate or root. iOS wants to know: it compares a pin
   * either with the server's own key or with those of the authorities. Every other pin is taken for a server's own.
   */
  caPins?: string[];
}

/** The options with everything said. */
export interface ReadOptions {
  readonly config: string;
  /** Null: no native layer. */
  readonly nativeLayer: { readonly caPins: readonly string[] } | null;
}

/** Reads the options strictly: a switch with a typing mistake would be silently off. */
export function readOptions(given: unknown): ReadOptions {
  const { config = './ssl-pinning.json', nativeLayer = false } = members(given ?? {}, 'the options', [
    'config',
    'nativeLayer',
  ]);
  if (typeof config !== 'string' || config === '')
    throw wrong('config', 'the path of a file, as "./ssl-pinning.json"');
  if (typeof nativeLayer === 'boolean') return { config, nativeLayer: nativeLayer ? { caPins: [] } : null };
  const { caPins = [] } = members(nativeLayer, 'nativeLayer', ['caPins']);
  const isList = Array.isArray(caPins) && caPins.every((pin) => typeof pin === 'string');
  if (!isList) throw wrong('nativeLayer.caPins', 'a list of pins');
  return { config, nativeLayer: { caPins } };
}

function members(value: unknown, name: string, known: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(name, 'an object');
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown !== undefined) {
    const near = nearest(unknown, known);
    const hint = near === null ? '' : `, did you mean ${near}?`;
    throw wrong(name, `an object with ${known.join(', ')}: there is no option ${unknown}${hint}`);
  }
  return value as Record<string, unknown>;
}

function wrong(name: string, expected: string): Error {
  return new Error(`react-native-spki-pinning: ${name} must be ${expected}`);
}
