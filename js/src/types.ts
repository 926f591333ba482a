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
  /** `failure`: a connection failed its pins. `warning`: something to act on before one does. */
  kind: 'failure' | 'warning';
  message: string;
  /** Stable, kebab-case: `no-pin-matched`, `chain-not-validated`, `unverified-response`, …; for warnings `pins-expiring`, `pins-expired`, `hook-replaced`. */
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
  /** Where the pins come from: the `code` of the app. */
  source: 'code';
};

/** What is pinned, and what happened so far. */
export type SslPinningStatus = {
  /** Whether any domain is pinned. */
  active: boolean;
  /** Counts the configurations of this process; 0 before the first. */
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
  /** The last events, oldest first, at most 32: whether a listener was told of them or not. */
  recentEvents: PinningEvent[];
};
