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
    if (settings !== undefined) return JSON.stringify({ domains: kept(options), settings });
    return JSON.stringify(isFile(options) ? { ...options, domains: kept(options.domains) } : kept(options));
  } catch (error) {
    throw unusable(
      `the configuration cannot be written as JSON: ${(error as Error).message}`,
      'give plain data',
    );
  }
}

/** The content of a configuration file, `{"domains", "settings"}`, in place of bare options. */
function isFile(options: object | null | undefined): options is { domains: unknown } {
  return typeof options === 'object' && options !== null && 'domains' in options;
}

/** Domains whose options are missing as `null`, which the engine names as an error, with the domain. */
function kept(domains: unknown): unknown {
  if (!isJson(domains)) return null;
  if (typeof domains !== 'object' || domains === null || Array.isArray(domains)) return domains;
  return Object.fromEntries(
    Object.entries(domains).map(([key, value]) => [key, isJson(value) ? value : null]),
  );
}

/** Whether JSON.stringify would keep the value. */
function isJson(value: unknown): boolean {
  return value !== undefined && typeof value !== 'function' && typeof value !== 'symbol';
}

/** Object literals and what JSON.parse makes, of any realm; arrays are for the engine to refuse. */
function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Array.isArray(value) || Object.getPrototypeOf(prototype) === null;
}

function describe(value: object): string {
  const name = value.constructor?.name;
  return name ? `a ${name}` : 'an object of a class';
}

function unusable(message: string, suggestion: string): SslPinningConfigError {
  return new SslPinningConfigError([
    { severity: 'error', path: '', code: 'not-an-object', message, suggestion },
  ]);
}
