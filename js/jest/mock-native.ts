import type { NativePinning } from '../src/native.js';
import type { PinningEvent, PinningSubscription, SslPinningStatus } from '../src/types.js';

/** What a mock knows of configurations by: the engine of the Node add-on, or what stands for it. Results are JSON. */
export interface MockEngine {
  initialize(document: string): string;
  disable(): void;
  status(): string;
}

/** The native part as a test drives it: configurations go to an engine, events come from the test. */
export class MockNative implements NativePinning {
  readonly #makeEngine: () => MockEngine;
  readonly #listeners = new Set<(event: string) => void>();
  #isListening = false;
  #engine: MockEngine;
  #document: string | null = null;
  #events: PinningEvent[] = [];
  #told = 0;

  constructor(makeEngine: () => MockEngine) {
    this.#makeEngine = makeEngine;
    this.#engine = makeEngine();
  }

  /** Forgets what was pinned and what happened; who listens goes on to. */
  reset(): void {
    this.#engine = this.#makeEngine();
    this.#document = null;
    this.#events = [];
    this.#told = 0;
  }

  /** The document in force, or null. */
  get document(): string | null {
    return this.#document;
  }

  /** An event happens: listeners are told before this returns, or else when the first one comes. */
  emit(event: PinningEvent): void {
    this.#events.push(event);
    if (this.#isListening) this.#tell();
  }

  async initialize(document: string): Promise<string> {
    const answer = this.#engine.initialize(document);
    if (JSON.parse(answer).ok) this.#document = document;
    return answer;
  }

  async disable(): Promise<void> {
    this.#engine.disable();
    this.#document = null;
  }

  async getStatus(): Promise<string> {
    const status: SslPinningStatus = JSON.parse(this.#engine.status());
    return JSON.stringify({ ...status, recentEvents: this.#events });
  }

  async update(): Promise<string> {
    const message = 'there is no network in the mock';
    return JSON.stringify({ ok: false, error: { code: 'update-unreachable', message } });
  }

  async verify(): Promise<string> {
    const error = { code: 'no-network', message: 'there is no network in the mock', suggestion: null };
    return JSON.stringify({ ok: false, tlsVersion: null, verdict: null, error });
  }

  watch(): void {}

  async watched(): Promise<string> {
    return '[]';
  }

  setListening(listening: boolean): void {
    this.#isListening = listening;
    // As on a device: never while the app is still adding its listener.
    if (listening) queueMicrotask(() => this.#isListening && this.#tell());
  }

  onEvent(listener: (event: string) => void): PinningSubscription {
    this.#listeners.add(listener);
    return { remove: () => this.#listeners.delete(listener) };
  }

  #tell(): void {
    const untold = this.#events.slice(this.#told);
    this.#told = this.#events.length;
    for (const event of untold) {
      for (const listener of this.#listeners) listener(JSON.stringify(event));
    }
  }
}
