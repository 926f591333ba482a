import type { EventEmitter } from 'node:events';
import type { TLSSocket } from 'node:tls';
import { type Refusal, SslPinningError } from '../src/errors.js';
import type { NativePinning } from '../src/native.js';
import type { PinningSubscription } from '../src/types.js';
import type { Addon, NativeEngine } from './addon.js';
import { type Hosts, hookTls } from './hooks.js';

/** The name of Node's TLS in events. */
const STACK = 'node';

/** What of this process the engine has to know, beside its connections. All of it is optional. */
export interface Surroundings {
  /** Where signed pins and reports are kept; without it they do not outlive the process. */
  readonly folder?: string | undefined;
  readonly app: {
    readonly id?: string | undefined;
    readonly version?: string | undefined;
    readonly platform: string;
  };
  /** A PEM file of more certificates to trust than the system's. */
  readonly caFile?: string | undefined;
}

/** A connection as it was judged. */
interface Connection {
  /** Every name it stands for: of the URL, and of TLS where a `Host` header differs. */
  readonly hosts: Hosts;
  /** The certificates of its full handshake, DER, leaf first; null while nobody needed them. */
  readonly chain: Buffer[] | null;
  /** By which pins: read before they were asked. */
  readonly generation: number;
}

/**
 * Pinning for the TLS connections of this process. Node validates a chain as ever; before anybody learns that the
 * connection is there, the engine judges the chain. Nothing about trust is decided here.
 */
export class NodePinning implements NativePinning {
  readonly #engine: NativeEngine;
  readonly #live = new Map<TLSSocket, Connection>();
  /** By session (the very object that Node's clients keep and offer again), the connection that it was issued on. */
  readonly #sessions = new WeakMap<object, Connection>();
  readonly #listeners = new Set<(event: string) => void>();

  /** The host that `verifySslPinning` looks at; its connections are judged for each request. */
  #watched: string | null = null;

  constructor({ NativeEngine }: Addon, surroundings: Surroundings) {
    this.#engine = new NativeEngine(JSON.stringify(surroundings), () => {
      this.#judgeLive().catch(() => {}); // a connection that cannot be judged was cut
    });
    this.#engine.tellStack(STACK, true);
  }

  /** From now on every TLS connection of this process is judged. */
  install(): void {
    hookTls({
      mayResume: (session, hosts) => this.#mayResume(session, hosts),
      refuse: (socket, hosts, session) => this.#judge(socket, hosts, () => this.#chainOf(socket, session)),
      refuseRequest: (socket, hosts) => this.#judgeRequest(socket, hosts),
    });
  }

  async initialize(document: string): Promise<string> {
    const answer = this.#engine.initialize(document);
    await this.#judgeLive();
    return answer;
  }

  async disable(): Promise<void> {
    this.#engine.disable();
  }

  async getStatus(): Promise<string> {
    return this.#engine.status();
  }

  update(): Promise<string> {
    return this.#engine.update();
  }

  verify(host: string, port: number): Promise<string> {
    return this.#engine.verify(host, port);
  }

  watch(host: string): void {
    this.#watched = host;
    this.#engine.watch(host);
  }

  async watched(): Promise<string> {
    this.#watched = null;
    return this.#engine.watched();
  }

  setListening(listening: boolean): void {
    const deliver = (event: string) => {
      for (const listener of this.#listeners) listener(event);
    };
    this.#engine.setEventSink(listening ? deliver : null);
  }

  onEvent(listener: (event: string) => void): PinningSubscription {
    this.#listeners.add(listener);
    return {
      remove: () => {
        this.#listeners.delete(listener);
      },
    };
  }

  /**
   * Whether a session may be offered to a server. Not to a pinned host, unless it is known to be of the same names (no
   * certificate is checked for them in a resumption), and its chain stands up to the pins in force: a full handshake then
   * shows what the server has now.
   */
  #mayResume(session: object, hosts: Hosts): boolean {
    try {
      if (!this.#isPinned(hosts)) return true;
      const issued = this.#sessions.get(session);
      if (!issued?.chain || !isSame(issued.hosts, hosts)) return false;
      return this.#evaluate(hosts, issued.chain, true) === null;
    } catch {
      return false;
    }
  }

  /** Judges a connection; `chainOf` is asked only if a host is pinned. One that is let through is watched from then on. */
  #judge(socket: TLSSocket, hosts: Hosts, chainOf: () => Buffer[]): SslPinningError | null {
    return orRefuse(hosts, () => {
      const generation = this.#engine.generation();
      const chain = this.#isPinned(hosts) ? chainOf() : null;
      const error = this.#check(socket, hosts, chain);
      if (error === null && !socket.destroyed) this.#watch(socket, { hosts, chain, generation });
      return error;
    });
  }

  /**
   * A request needs no verdict of its own, unless it is for a name by which its connection was not judged, or pins have ended
   * or are back since then.
   */
  #judgeRequest(socket: TLSSocket, hosts: Hosts): SslPinningError | null {
    const live = this.#live.get(socket);
    const isKnown = live !== undefined && [...hosts].every((host) => live.hosts.has(host));
    if (!isKnown || this.#watched !== null) {
      return this.#judge(socket, hosts, () => live?.chain ?? this.#chainOf(socket, null));
    }
    const generation = this.#engine.generation();
    if (live.generation === generation) return null;
    const error = this.#judgeAgain(socket, live);
    if (error === null) this.#live.set(socket, { ...live, generation });
    return error;
  }

  #watch(socket: TLSSocket, connection: Connection): void {
    const before = this.#live.get(socket);
    this.#live.set(socket, connection);
    if (before === undefined) socket.once('close', () => this.#live.delete(socket));
    if (connection.chain === null || before?.chain) return;
    socket.on('session', (issued: Buffer) => {
      const now = this.#live.get(socket);
      if (now !== undefined) this.#sessions.set(issued, now);
    });
  }

  /** Cuts the open connections that the pins in force do not allow, and waits until pools have seen that. */
  async #judgeLive(): Promise<void> {
    const closed: Promise<unknown>[] = [];
    for (const [socket, connection] of this.#live) {
      if (!socket.destroyed) {
        const error = this.#judgeAgain(socket, connection);
        if (error === null) continue;
        cut(socket, error);
      }
      closed.push(new Promise((resolve) => socket.once('close', resolve)));
    }
    await Promise.all(closed);
  }

  #judgeAgain(socket: TLSSocket, { hosts, chain }: Connection): SslPinningError | null {
    return orRefuse(hosts, () => {
      if (!this.#isPinned(hosts)) return null;
      const known = chain ?? this.#chainOf(socket, null);
      const error = this.#evaluate(hosts, known, socket.authorized);
      // One that stays is neither counted nor reported a second time. One that was resumed before anything was pinned has
      // to go, as nobody knows its chain, but it has not failed the pins.
      return error === null || known.length === 0 ? error : this.#check(socket, hosts, known);
    });
  }

  /** The engine's verdict, with event and count. */
  #check(socket: TLSSocket, hosts: Hosts, chain: Buffer[] | null): SslPinningError | null {
    return refusal(this.#engine.checkConnection([...hosts], chain ?? [], socket.authorized, STACK));
  }

  #isPinned(hosts: Hosts): boolean {
    return isBlocked(JSON.parse(this.#engine.evaluateConnection([...hosts], [], false)));
  }

  #evaluate(hosts: Hosts, chain: Buffer[], validated: boolean): SslPinningError | null {
    return refusal(this.#engine.evaluateConnection([...hosts], chain, validated));
  }

  /**
   * After a resumed handshake Node reports no certificate; the session stands for those of the full one, which was this
   * connection's own if it was renegotiated.
   */
  #chainOf(socket: TLSSocket, offered: object | null): Buffer[] {
    if (!socket.isSessionReused()) return reportedChain(socket);
    const known =
      this.#live.get(socket)?.chain ?? (offered === null ? null : this.#sessions.get(offered)?.chain);
    return known ?? reportedChain(socket);
  }
}

function isSame(some: Hosts, others: Hosts): boolean {
  return some.size === others.size && [...some].every((host) => others.has(host));
}

/** Fails closed: what goes wrong while a connection is judged must not let it through. */
function orRefuse(hosts: Hosts, judge: () => SslPinningError | null): SslPinningError | null {
  try {
    return judge();
  } catch (cause) {
    const [serverHostname = null] = hosts;
    const error = new SslPinningError({
      serverHostname,
      reason: 'internal-error',
      entry: null,
      servedPins: [],
    });
    return Object.assign(error, { cause });
  }
}

/** Ends a connection that is perhaps idle: an error that nobody listens for must not end the process. */
function cut(socket: TLSSocket, error: SslPinningError): void {
  const isHeard = hearerOf(socket).listenerCount('error') > 0;
  socket.on('error', () => {});
  socket.destroy(isHeard ? error : undefined);
}

/** Who is told of a socket's errors: the request or the HTTP/2 session that `http` and `http2` pass them on to, if any. */
function hearerOf(socket: TLSSocket): EventEmitter {
  const { _httpMessage: request } = socket as { _httpMessage?: EventEmitter | null };
  if (request) return request;
  const values = Reflect.ownKeys(socket).map((key) => Object.getOwnPropertyDescriptor(socket, key)?.value);
  return values.find((value) => value?.constructor?.name === 'ClientHttp2Session') ?? socket;
}

type Verdict = Refusal & { readonly verdict: string };

function isBlocked({ verdict }: Verdict): boolean {
  return verdict === 'blocked';
}

function refusal(json: string): SslPinningError | null {
  const verdict: Verdict = JSON.parse(json);
  return isBlocked(verdict) ? new SslPinningError(verdict) : null;
}

/** What Node reports of the peer's certificates, leaf first. */
function reportedChain(socket: TLSSocket): Buffer[] {
  const chain: Buffer[] = [];
  let certificate = socket.getPeerCertificate(true);
  // The last one, if it is a root, names itself as its issuer.
  while (certificate?.raw !== undefined && !chain.some((der) => der.equals(certificate.raw))) {
    chain.push(certificate.raw);
    certificate = certificate.issuerCertificate;
  }
  return chain;
}
