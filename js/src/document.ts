import { SslPinningConfigError } from './errors.js';
import type { PinningOptions, PinningSettings } from './types.js';

/**
 * What the engine reads. Nothing that JavaScript holds may get lost on the way to JSON, where a `Map` is `{}` and a
 * domain whose options are `undefined` is not there: the app would run unpinned without a word.
 */
export function toDocument(options: PinningOptions, settings?: PinningSettings): string {
  for (const [name, value] of [['the options', options] as const, ['the settings', settings] as const]) {
    if (typeof value === 'object' && value !== null && !isPlain(value)) {
      throw unusable(`${name} are ${describe(value)}, which JSON cannot hold`, 'give a plain object');
    }
  }
  try {
    return JSON.stringify(documentOf(options, settings), nullForLost);
  } catch (error) {
    throw unusable(
      `the configuration cannot be written as JSON: ${(error as Error).message}`,
      'give plain data',
    );
  }
}

function documentOf(options: PinningOptions, settings: PinningSettings | undefined): unknown {
  if (settings !== undefined) return { domains: kept(options), settings };
  return isFile(options) ? { ...options, domains: kept(options.domains) } : kept(options);
}

/** The content of a configuration file, `{"domains", "settings"}`, in place of bare options. */
function isFile(options: object | null | undefined): options is { domains: unknown } {
  return typeof options === 'object' && options !== null && 'domains' in options;
}

/** Domains whose options are `undefined` as `null`, which the engine names as an error, with the domain. */
function kept(domains: unknown): unknown {
  if (typeof domains !== 'object' || domains === null || Array.isArray(domains)) return domains ?? null;
  return Object.fromEntries(Object.entries(domains).map(([key, value]) => [key, value ?? null]));
}

/** Values that JSON.stringify would leave out, as `null`, which no option may be. One that is `undefined` is absent. */
function nullForLost(_key: string, value: unknown): unknown {
  return typeof value === 'function' || typeof value === 'symbol' ? null : value;
}

/** Object literals and what JSON.parse makes, of any realm; arrays are for the engine to refuse. */
function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Array.isArray(value) || Object.getPrototypeOf(prototype) === null;
}

function describe(value: object): string {
  const name = value.constructor?.name;
  return name && name !== 'Object' ? `an instance of ${name}` : 'an object that inherits from another';
}

function unusable(message: string, suggestion: string): SslPinningConfigError {
  return new SslPinningConfigError([
    { severity: 'error', path: '', code: 'not-an-object', message, suggestion },
  ]);
}
