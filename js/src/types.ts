/** What is pinned for one domain. */
export type DomainOptions = {
  /**
   * Whether every subdomain, at any depth, is pinned too.
   * @default false
   */
  includeSubdomains?: boolean;
  /**
   * Pins: the base64 of the SHA-256 over a public key's DER (SubjectPublicKeyInfo, RFC 7469 §2.4), with or without
   * padding, with or without `sha256/` before it. `npx react-native-spki-pinning hash HOST` prints them.
   *
   * A connection goes ahead if any certificate of its validated chain has one of these keys. One pin is accepted with
   * the warning `no-backup-pin`: add that of a spare key, or a lost server key locks every installed app out.
   */
  publicKeyHashes: string[];
  /**
   * `yyyy-MM-dd`. From 00:00 UTC of that day on these pins are off, as if the domain were not listed. Looked at in every
   * check, not only at initialisation.
   */
  expirationDate?: string;
  /**
   * Lets connections through that fail the pins, but tells listeners with `enforced: false`.
   * @default false
   */
  reportOnly?: boolean;
  /** Subdomains, with all below them, for which `includeSubdomains` does not hold. */
  excludedSubdomains?: string[];
};

/** Pins by host name. `localhost` and IP addresses are host names too; URLs, ports and wildcards are not. */
export type PinningOptions = { [domain: string]: DomainOptions };

/** What belongs to no domain. */
export type PinningSettings = {
  /**
   * Whether a domain with a single pin is an error rather than the warning `no-backup-pin`.
   * @default false
   */
  requireBackupPin?: boolean;
  /**
   * Where failures are reported to, each to all of them: https URLs, to which JSON as in RFC 7469 §3 is POSTed. One report
   * for a host and chain in 24 hours; what cannot be delivered waits, also through restarts (at most 64 reports). Nothing in
   * it is about the user or the device. Nothing is reported unless this is there.
   */
  reportUris?: string[];
  /** Signed pins for installed apps: how an app survives that a server's key changes. */
  updates?: UpdateSettings;
};

/** Where signed pins come from. */
export type UpdateSettings = {
  /** Where the manifest is that `sign` made: an https URL of any file host. It need not be trusted: the manifest is signed. */
  url: string;
  /**
   * Who may sign: the public keys that `keygen` made, as PEM text or JWK. Have two, and keep one private half offline: with
   * only one, the warning is `no-backup-signing-key`.
   */
  publicKeys: (string | { readonly [member: string]: unknown })[];
  /**
   * Seconds for which a manifest that was looked at counts as fresh, from 900 to 2592000. The app looks at its start and on
   * its return to the foreground if that has passed, and at once, at most once an hour, when a pin fails.
   * @default 86400
   */
  interval?: number;
  /** Whom manifests have to be for, by their claim `aud`: keeps those of one app, or of staging, from another. */
  audience?: string;
};

/** The least that a listener is told. */
export type PinningError = {
  /** The host that failed: after redirects, the one that was really contacted. Empty where no host is concerned. */
  serverHostname: string;
  /** For a log: host, served and configured pins. */
  message?: string;
};

/** All that a listener is told. */
export type PinningEvent = PinningError & {
  /**
   * `failure`: a connection failed its pins. `warning`: something to act on before one does. `info`: nothing to act on; only
   * `addSslPinningEventListener` is told of it.
   */
  kind: 'failure' | 'warning' | 'info';
  message: string;
  /** Stable, kebab-case: `no-pin-matched`, `chain-not-validated`, `unverified-response`, …; for warnings `pins-dropped`, `pins-expiring`, `pins-expired`, `hook-replaced`, `update-expiring`, `manifest-signature`, …; for information `update-applied`. */
  reason: string;
  /** Whether the connection was stopped; false for `reportOnly` domains and for warnings. */
  enforced: boolean;
  /** The pins that the server showed, leaf first. */
  servedPins: string[];
  /** The pins of the domain that governs the host. */
  expectedPins: string[];
  /** The network stack of the connection: `fetch`, `websocket`, `node`, …; empty for warnings. */
  stack: string;
  /** Milliseconds since the Unix epoch. */
  timestamp: number;
};

/** A listener as `react-native-ssl-public-key-pinning` types it. */
export type ErrorListenerCallback = (error: PinningError) => void;

/** A listener for all that is told; an {@link ErrorListenerCallback} is one too. */
export type PinningListener = (event: PinningEvent) => void;

/** Ends what it stands for. */
export type PinningSubscription = {
  /** Ends it; any further call does nothing. */
  remove(): void;
};

/** A finding about a configuration. */
export type PinningProblem = {
  /** An error refuses the configuration, a warning does not. */
  severity: 'error' | 'warning';
  /** Where: a JSON Pointer (RFC 6901) into the configuration; empty for the whole of it. */
  path: string;
  /** What: stable, kebab-case. */
  code: string;
  /** What, for a person. */
  message: string;
  /** What to do, where that is known. */
  suggestion: string | null;
};

/** One configured domain. */
export type PinnedDomain = {
  /** In normal form: lower case, A-labels, no trailing dot. */
  domain: string;
  includeSubdomains: boolean;
  /** Base64, in the order of the configuration, each once. */
  pins: string[];
  /** `yyyy-MM-dd`. */
  expirationDate: string | null;
  excludedSubdomains: string[];
  reportOnly: boolean;
  /** What the pins do now. `expiring`: they are in force for less than 30 days more. */
  state: 'enforced' | 'report-only' | 'expiring' | 'expired';
  /** Where the pins come from: the app's `code`, its build (`embedded`), or a signed manifest (`update`). */
  source: 'code' | 'embedded' | 'update';
};

/** What is pinned, and what happened so far. */
export type SslPinningStatus = {
  /** Whether any domain is pinned. */
  active: boolean;
  /** Counts the configurations of this process, and the ends of pins; 0 before the first. */
  generation: number;
  /** In the order of the configuration. */
  domains: PinnedDomain[];
  /** Checked connections since the process started. */
  counters: {
    /** All, those to hosts that are not pinned included. */
    checks: number;
    allowed: number;
    blocked: number;
    /** Let through although they failed. */
    reportOnly: number;
    /** Milliseconds since the Unix epoch; null before the first check. */
    lastCheck: number | null;
  };
  /** What to know about the configuration in force. */
  warnings: PinningProblem[];
  /** Signed pins; null if the configuration has no `updates`. Times in milliseconds since the Unix epoch. */
  updates: {
    /** Of the manifest whose pins are used; null before the first. */
    version: number | null;
    expiresAt: number | null;
    /** Whether it has ended: the app's own pins count again. */
    expired: boolean;
    lastCheck: number | null;
    /** When the newest manifest was there last, and good. */
    lastSuccess: number | null;
    /** Why the last look came to nothing, if it did. */
    error: { code: string; message: string } | null;
  } | null;
  /** Reports; null if the configuration has no `reportUris`. `delivered` and `dropped` are of this process. */
  reports: { pending: number; delivered: number; dropped: number } | null;
  /** The network stacks that the platform knows of, and whether their connections are checked. */
  stacks: { stack: string; hooked: boolean }[];
  /** The last events, oldest first, at most 32: whether a listener was told of them or not. */
  recentEvents: PinningEvent[];
};

/** What came of looking for newer pins. */
export type SslPinningUpdate = {
  /** `applied`: the pins of this version are in force now. `up-to-date`: there is nothing newer. */
  outcome: 'applied' | 'up-to-date';
  /** Of the manifest in force. */
  version: number;
};

/** How to verify. */
export type VerificationOptions = {
  /** @default 443 */
  port?: number;
  /** What is asked for, by each stack. @default '/' */
  path?: string;
  /** Further stacks to try, by a name: `{ 'expo/fetch': (url) => fetch(url), axios: (url) => api.get(url) }`. */
  requests?: { readonly [stack: string]: (url: string) => Promise<unknown> };
};

/** What a handshake of the library's own with a server came to. */
export type VerifiedHandshake = {
  /** Whether there was one, and the pins let it go ahead. */
  ok: boolean;
  tlsVersion: string | null;
  /** What the pins in force say of the validated chain; null if there was none. */
  verdict: {
    verdict: 'allowed' | 'blocked' | 'reportOnly';
    reason: string;
    /** The configured domain that governs the host; null if it is not pinned. */
    entry: string | null;
    matchedPin: string | null;
    /** Leaf first. */
    servedPins: string[];
  } | null;
  /** Why there was no valid handshake. */
  error: { code: string; message: string; suggestion: string | null } | null;
};

/** Whether the requests of a network stack are checked. */
export type StackVerification = {
  stack: string;
  /** `not-checked`: its request was answered without the pins being asked. `unreachable`: it failed before they could be. */
  state: 'checked' | 'not-checked' | 'absent' | 'unreachable';
  verdict: 'allowed' | 'blocked' | 'reportOnly' | null;
  reason: string | null;
  message: string;
};

/** What is known of a host after it was tried. */
export type SslPinningVerification = {
  host: string;
  port: number;
  /** The host is pinned, its server shows a pinned key, and every stack that is there was checked. */
  ok: boolean;
  /** All of it in words: for a log, or a bug report. */
  message: string;
  handshake: VerifiedHandshake;
  /** Empty if the host is not pinned, or the handshake failed. */
  stacks: StackVerification[];
};
