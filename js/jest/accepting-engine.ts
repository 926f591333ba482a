import type { PinnedDomain, SslPinningStatus } from '../src/types.js';
import { type Configuration, readConfiguration } from './configuration.js';
import type { MockEngine } from './mock-native.js';

/** Stands for the engine where there is no Node add-on for this machine: takes every configuration as it is. */
export class AcceptingEngine implements MockEngine {
  readonly #warn: () => void;
  #generation = 0;
  #domains: PinnedDomain[] = [];

  /** @param warn Says that nothing is judged; called whenever something should be. */
  constructor(warn: () => void) {
    this.#warn = warn;
  }

  initialize(document: string): string {
    this.#warn();
    this.#domains = domainsOf(readConfiguration(document));
    this.#generation += 1;
    return JSON.stringify({ ok: true, generation: this.#generation, warnings: [] });
  }

  disable(): void {
    this.#domains = [];
    this.#generation += 1;
  }

  status(): string {
    const status: SslPinningStatus = {
      active: this.#domains.length > 0,
      generation: this.#generation,
      domains: this.#domains,
      counters: { checks: 0, allowed: 0, blocked: 0, reportOnly: 0, lastCheck: null },
      warnings: [],
      updates: null,
      reports: null,
      stacks: [],
      recentEvents: [],
    };
    return JSON.stringify(status);
  }
}

/** As they are written; only the engine knows what is wrong with them. */
function domainsOf({ domains }: Configuration): PinnedDomain[] {
  return Object.entries(domains).map(([domain, options]) => ({
    domain,
    includeSubdomains: options.includeSubdomains ?? false,
    pins: options.publicKeyHashes,
    expirationDate: options.expirationDate ?? null,
    excludedSubdomains: options.excludedSubdomains ?? [],
    reportOnly: options.reportOnly ?? false,
    state: options.reportOnly ? 'report-only' : 'enforced',
    source: 'code',
  }));
}
