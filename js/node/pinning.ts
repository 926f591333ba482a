import type { EventEmitter } from 'node:events';
import type { TLSSocket } from 'node:tls';
import { type Refusal, SslPinningError } from '../src/errors.js';
import type { NativePinning } from '../src/native.js';
import type { PinningSubscription } from '../src/types.js';
import type { NativeEngine } from './addon.js';
import { hookReusedSockets, hookTlsConnect } from './hooks.js';

/** The name of Node's TLS in events. */
const STACK = 'node';

/** A connection as it is judged. */
interface Connection {
  /** Every name it stands for: of the URL, and of TLS where a `Host` header differs. */
  readonly hosts: (string | null)[];
  /** The certificates of its full handshake, DER, leaf first; null while nobody needed them. */
  readonly chain: Buffer[] | null;
}

/**
 * Pinning for the TLS connections of this process. Node validates a chain as ever; before anybody learns that the
 * connection is there, the engine judges the chain. Nothing about trust is decided here.
 */
export class NodePinning implements NativePinning {
  readonly #engine: NativeEngine;
  readonly #live = new Map<TLSSocket, Connection>();
  /** By session (the very object that Node's clients keep and offer again), the chain of the full handshake behind it. */
  readonly #chains = new WeakMap<object, Buffer[]>();
  readonly #listeners = new Set<(event: string) => void>();

  constructor(engine: NativeEngine) {
    this.#engine = engine;
  }

  /** From now on every new TLS connection of this process is judged. */
  install(): void {
    hookTlsConnect({
      mayResume: (session, hosts) => this.#mayResume(session, hosts),
      refuse: (socket, hosts, session) => this.#judge(socket, hosts, session),
    });
    hookReusedSockets((socket, hosts) => (this.#live.has(socket) ? null : this.#judge(socket, hosts, null)));
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
   * Whether a session may be offered to a server. Not to a pinned host, unless its chain is known and stands up to the
   * pins in force: a full handshake then shows what the server has now.
   */
  #mayResume(session: object, hosts: (string | null)[]): boolean {
    if (!this.#isPinned(hosts)) return true;
    const chain = this.#chains.get(session);
    return chain !== undefined && this.#evaluate(hosts, chain, true) === null;
  }

  /** Judges a connection whose handshake is done; why it is refused, or null. */
  #judge(socket: TLSSocket, hosts: (string | null)[], session: object | null): SslPinningError | null {
    const chain = this.#isPinned(hosts) ? this.#chainOf(socket, session) : null;
    const error = this.#check(socket, hosts, chain);
    if (error !== null) return error;
    this.#live.set(socket, { hosts, chain });
    socket.once('close', () => this.#live.delete(socket));
    if (chain !== null) socket.on('session', (issued: Buffer) => this.#chains.set(issued, chain));
    return null;
  }

  /** Cuts the open connections that the pins in force do not allow, and waits until pools have seen that. */
  async #judgeLive(): Promise<void> {
    const closed: Promise<unknown>[] = [];
    for (const [socket, { hosts, chain }] of this.#live) {
      if (!this.#isPinned(hosts)) continue;
      const known = chain ?? this.#chainOf(socket, null);
      if (this.#evaluate(hosts, known, socket.authorized) === null) continue;
      const error = this.#check(socket, hosts, known);
      if (error === null || socket.destroyed) continue;
      closed.push(new Promise((resolve) => socket.once('close', resolve)));
      cut(socket, error);
    }
    await Promise.all(closed);
  }

  /** The engine's verdict, with event and count. */
  #check(socket: TLSSocket, hosts: (string | null)[], chain: Buffer[] | null): SslPinningError | null {
    return refusal(this.#engine.checkConnection(hosts, chain ?? [], socket.authorized, STACK));
  }

  #isPinned(hosts: (string | null)[]): boolean {
    return this.#evaluate(hosts, [], false) !== null;
  }

  #evaluate(hosts: (string | null)[], chain: Buffer[], validated: boolean): SslPinningError | null {
    return refusal(this.#engine.evaluateConnection(hosts, chain, validated));
  }

  /** After a resumed handshake Node reports no certificate at all; the session stands for those of the full one. */
  #chainOf(socket: TLSSocket, session: object | null): Buffer[] {
    const recorded = session !== null && socket.isSessionReused() ? this.#chains.get(session) : undefined;
    return recorded ?? reportedChain(socket);
  }
}

/** Ends a connection that is perhaps idle: an error that nobody listens for must not end the process. */
function cut(socket: TLSSocket, error: SslPinningError): void {
  const { _httpMessage: request } = socket as { _httpMessage?: EventEmitter | null }; // http reports to its request
  const isHeard = (request ?? socket).listenerCount('error') > 0;
  socket.on('error', () => {});
  socket.destroy(isHeard ? error : undefined);
}

function refusal(json: string): SslPinningError | null {
  const verdict: Refusal & { verdict: string } = JSON.parse(json);
  return verdict.verdict === 'blocked' ? new SslPinningError(verdict) : null;
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
