import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import root from './package-root.cjs';

/** An engine of the Node add-on; `rust/node/src/engine.rs` says what each method does. Results are JSON. */
export interface NativeEngine {
  initialize(document: string): string;
  disable(): void;
  status(): string;
  update(): Promise<string>;
  verify(host: string, port: number): Promise<string>;
  watch(host: string): void;
  watched(): string;
  tellStack(stack: string, hooked: boolean): void;
  /** Every host that the connection stands for; each that is pinned has to be satisfied. Certificates in DER, leaf first. */
  checkConnection(hosts: (string | null)[], reported: Buffer[], validated: boolean, stack: string): string;
  /** As {@link checkConnection}, without event and count. */
  evaluateConnection(hosts: (string | null)[], reported: Buffer[], validated: boolean): string;
  /** Another one as soon as other pins are live: after a configuration, and when some have ended. */
  generation(): number;
  setEventSink(sink: ((event: string) => void) | null): void;
}

/** The Node add-on. JSON text goes both ways. */
export interface Addon {
  /** With surroundings (JSON text) it gets signed pins and reports failures; `onChange` is told of pins that came so. */
  NativeEngine: new (
    surroundings?: string | null,
    onChange?: () => void,
  ) => NativeEngine;
  checkDocument(document: string, nowMs?: number): string;
  rotationProblems(document: string, nowMs?: number): string;
  evaluateDocument(document: string, host: string | null, chain: readonly Buffer[], nowMs?: number): string;
  normalizeHost(input: string): string;
  parsePin(input: string): string;
  readCertificates(file: Buffer): string;
  readPublicKey(file: Buffer): string;
  readCsr(file: Buffer): string;
  probe(request: string): Promise<string>;
  verifyManifest(manifest: string, request: string): string;
  checkClaims(claims: string, nowMs?: number): string;
  readVerificationKey(text: string): string;
}

/** Why there is no add-on. */
export type AddonProblem = {
  readonly code: 'addon-missing' | 'addon-unusable';
  readonly message: string;
  readonly suggestion: string;
};

/** The add-on, or why there is none. */
export type LoadedAddon =
  | { readonly ok: true; readonly addon: Addon }
  | { readonly ok: false; readonly error: AddonProblem };

const PLATFORM = `${process.platform}-${process.arch}`;

/** One for each platform that a release is built for. */
const path = join(root, 'build/node', `spki-pinning.${PLATFORM}.node`);

let loaded: LoadedAddon | null = null;

/** Loads the add-on when it is first asked for. */
export function loadAddon(): LoadedAddon {
  loaded ??= load();
  return loaded;
}

function load(): LoadedAddon {
  if (!existsSync(path)) {
    const message = `there is no native part for ${PLATFORM}: ${path} is missing`;
    const suggestion =
      'run `npm run build` if this is the repository; the package has one for each common platform';
    return { ok: false, error: { code: 'addon-missing', message, suggestion } };
  }
  try {
    return { ok: true, addon: createRequire(path)(path) };
  } catch (error) {
    const message = `the native part does not load: ${(error as Error).message}`;
    const suggestion =
      'it may be of another C library or Node version: run `npm run build` in the repository';
    return { ok: false, error: { code: 'addon-unusable', message, suggestion } };
  }
}
