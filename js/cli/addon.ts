import { type Addon, loadAddon } from '../node/addon.js';
import type { PinnedDomain, PinningProblem } from '../src/types.js';
import { CliError, type ErrorData } from './errors.js';

/** A certificate, or what is known of a bare key or a signing request. Dates are RFC 3339 in UTC. */
export interface Description {
  /** SHA-256 over the SubjectPublicKeyInfo, base64. */
  readonly pin: string;
  readonly subject: string | null;
  readonly issuer: string | null;
  readonly notBefore: string | null;
  readonly notAfter: string | null;
  readonly keyAlgorithm: string | null;
}

/** A description with the bytes described, base64. */
export interface Described extends Description {
  readonly der: string;
}

/** A certificate of a live chain and its place in it. */
export interface ServedCertificate extends Described {
  readonly role: 'leaf' | 'intermediate' | 'root';
}

/** What a server showed in a handshake; its chain is valid. */
export interface Probe {
  readonly tlsVersion: string;
  readonly certificates: readonly ServedCertificate[];
}

/** What to probe. */
export interface ProbeRequest {
  readonly host: string;
  readonly port: number;
  /** `address` or `address:port` to connect to instead. */
  readonly connect: string | null;
  /** A PEM file of the only roots to trust. */
  readonly caFile: string | null;
  readonly timeoutMs: number;
}

/** What the core says about a configuration. */
export interface Report {
  readonly ok: boolean;
  readonly problems: readonly PinningProblem[];
}

/** What the core decides about a host and a validated chain. */
export interface Verdict {
  readonly verdict: 'allowed' | 'blocked' | 'reportOnly';
  /** Stable, in kebab-case. */
  readonly reason: string;
  /** The normalised domain key that governs the host. */
  readonly entry: string | null;
  readonly matchedPin: string | null;
  /** Leaf first. */
  readonly servedPins: readonly string[];
}

/** A result, or the error instead of it. */
type Answer<T> = ({ readonly ok: true } & T) | { readonly ok: false; readonly error: ErrorData };

/** `--help` works without it: it is loaded when first needed. */
function addon(): Addon {
  const loaded = loadAddon();
  if (!loaded.ok) throw CliError.from(loaded.error);
  return loaded.addon;
}

/** Reads what {@link Reader} says from the bytes of a file. */
export type Reader = (file: Buffer) => Answer<{ certificates: readonly Described[] }>;

/** Every certificate of a PEM file, or the one of a DER file. */
export const readCertificates: Reader = (file) => JSON.parse(addon().readCertificates(file));

/** The SubjectPublicKeyInfo of a PEM or DER file. */
export const readPublicKey: Reader = (file) => JSON.parse(addon().readPublicKey(file));

/** The certification request of a PEM or DER file. */
export const readCsr: Reader = (file) => JSON.parse(addon().readCsr(file));

/** What is wrong with a configuration. */
export function checkDocument(document: string, nowMs?: number): Report {
  return JSON.parse(addon().checkDocument(document, nowMs));
}

/** What about a valid configuration will be a problem when keys and authorities change. */
export function rotationProblems(document: string, nowMs?: number): readonly PinningProblem[] {
  const found: (PinningProblem & { domain: string })[] = JSON.parse(
    addon().rotationProblems(document, nowMs),
  );
  const pointers = pointersOf(document);
  return found.map(({ domain, ...problem }) => ({
    ...problem,
    path: `${pointers.get(domain) ?? ''}${problem.path}`,
  }));
}

/** Where each domain stands in a valid document, by its normal form: a JSON Pointer (RFC 6901). */
export function pointersOf(document: string): ReadonlyMap<string, string> {
  const parsed = JSON.parse(document);
  const [start, domains] = 'domains' in parsed ? ['/domains/', parsed.domains] : ['/', parsed];
  const pointers = new Map<string, string>();
  for (const key of Object.keys(domains)) {
    const normalized = normalizeHost(key);
    // A domain key that is valid has nothing to escape.
    if (normalized.ok) pointers.set(normalized.host, start + key);
  }
  return pointers;
}

/** The domains of a configuration that is known to be valid. */
export function domainsOf(document: string): readonly PinnedDomain[] {
  const engine = new (addon().NativeEngine)();
  engine.initialize(document);
  return JSON.parse(engine.status()).domains;
}

/** The verdict of a configuration about a host and its chain (DER, leaf first), or what is wrong with it. */
export function evaluateDocument(
  document: string,
  host: string,
  chain: readonly Buffer[],
  nowMs?: number,
): Verdict | { readonly problems: readonly PinningProblem[] } {
  return JSON.parse(addon().evaluateDocument(document, host, chain, nowMs));
}

/** A host name in its normal form, or what is wrong with it as a domain key. */
export function normalizeHost(
  input: string,
): { ok: true; host: string } | { ok: false; problem: PinningProblem } {
  return JSON.parse(addon().normalizeHost(input));
}

/** A public key that verifies manifests. */
export interface VerificationKey {
  readonly algorithm: 'EdDSA' | 'ES256';
  /** RFC 7638, SHA-256, base64url. */
  readonly thumbprint: string;
  readonly jwk: Readonly<Record<string, string>>;
}

/** A manifest whose signature is good. Times in seconds since the Unix epoch. */
export interface Manifest {
  readonly algorithm: 'EdDSA' | 'ES256';
  readonly kid: string | null;
  /** The thumbprint of the key that verified it. */
  readonly signedBy: string;
  readonly version: number;
  readonly iat: number;
  readonly exp: number;
  readonly domains: readonly Pick<
    PinnedDomain,
    'domain' | 'includeSubdomains' | 'pins' | 'expirationDate' | 'excludedSubdomains' | 'reportOnly'
  >[];
  readonly minAppVersion: string | null;
  /** Thumbprints. */
  readonly publicKeys: readonly string[] | null;
  readonly audience: readonly string[];
}

/** What an app would say of a manifest. */
export interface ManifestVerdict {
  readonly ok: boolean;
  /** `ok`, or the code of the refusal. */
  readonly code: string;
  readonly message: string;
  readonly manifest: Manifest | null;
}

/** Whom a manifest is to be good for. */
export interface ManifestRequest {
  /** PEM or JWK. */
  readonly keys: readonly string[];
  readonly now?: number | undefined;
  /** The configuration of an app. */
  readonly config?: string | undefined;
  readonly audience?: string | undefined;
  readonly appVersion?: string | undefined;
}

/** What an app would say of a manifest. */
export function verifyManifest(manifest: string, request: ManifestRequest): ManifestVerdict {
  return JSON.parse(addon().verifyManifest(manifest, JSON.stringify(request)));
}

/** What is wrong with claims before they are signed. */
export function checkClaims(claims: string): Report {
  return JSON.parse(addon().checkClaims(claims));
}

/** A public key as an app would read it. */
export function readVerificationKey(
  text: string,
): ({ ok: true } & VerificationKey) | { ok: false; problem: PinningProblem } {
  return JSON.parse(addon().readVerificationKey(text));
}

/** One handshake. */
export async function probe(request: ProbeRequest): Promise<Answer<Probe>> {
  return JSON.parse(await addon().probe(JSON.stringify(request)));
}
