import { SslPinningUnavailableError } from './errors.js';
import type { PinningSubscription } from './types.js';

/**
 * What a platform brings: the engine behind a bridge. All data are the engine's own JSON, so that no bridge and no line
 * of TypeScript has to know what is in it.
 */
export interface NativePinning {
  /** Takes a configuration document into force: `{"ok": true, …}`, or `{"ok": false, "problems"}` and nothing changed. */
  initialize(document: string): Promise<string>;
  disable(): Promise<void>;
  getStatus(): Promise<string>;
  /** Looks for newer signed pins: `{"ok": true, "outcome", "version"}` or `{"ok": false, "error"}`. */
  update(): Promise<string>;
  /** Makes a handshake of its own with a server and judges it: `{"ok", "tlsVersion", "verdict", "error"}`. */
  verify(host: string, port: number): Promise<string>;
  /** From now on, which network stacks bring connections to this host is noted. Open connections are judged again. */
  watch(host: string): void;
  /** What was noted: `[{"stack", "verdict", "reason"}]`. */
  watched(): Promise<string>;
  /** Whether anybody listens; while nobody does, the engine keeps the last 32 events, and gives them to who comes. */
  setListening(listening: boolean): void;
  onEvent(listener: (event: string) => void): PinningSubscription;
}

let provided: NativePinning | null = null;
let help = 'react-native-spki-pinning works in React Native and in Node only.';

/** The one seam between the API and the platforms: called once by each platform's entry. */
export function provideNative(native: NativePinning | null | undefined, helpWhenAbsent: string): void {
  provided = native ?? null;
  help = helpWhenAbsent;
}

/** What the platform brought, or null. */
export function findNative(): NativePinning | null {
  return provided;
}

/** What the platform brought; throws the help if that is nothing. */
export function requireNative(): NativePinning {
  if (provided === null) throw new SslPinningUnavailableError(help);
  return provided;
}
