import type { PinningOptions, PinningSettings } from '../src/types.js';

/** What an app gave to `initializeSslPinning`, in the form of a configuration file. */
export type Configuration = { readonly domains: PinningOptions; readonly settings: PinningSettings };

/** Reads a document that the API made; one without a member `domains` is bare options. */
export function readConfiguration(document: string): Configuration {
  const content = JSON.parse(document);
  return 'domains' in content ? { settings: {}, ...content } : { domains: content, settings: {} };
}
