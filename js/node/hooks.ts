import diagnostics from 'node:diagnostics_channel';
import http from 'node:http';
import { syncBuiltinESMExports } from 'node:module';
import type { Socket } from 'node:net';
import tls, { type ConnectionOptions, TLSSocket } from 'node:tls';
import type { SslPinningError } from '../src/errors.js';
import { hookHttp2 } from './http2.js';

/** The names that a connection stands for; null where nobody knows one. */
export type Hosts = ReadonlySet<string | null>;

/** Who decides about connections. None of it throws. */
export interface Judge {
  /** Whether a TLS session may be offered to these hosts. */
  mayResume(session: object, hosts: Hosts): boolean;
  /** Judges a connection at the end of a handshake, in which `session` was offered: the error to end it with, or null. */
  refuse(socket: TLSSocket, hosts: Hosts, session: object | null): SslPinningError | null;
  /** Judges a connection that a request to these hosts is about to be sent over. */
  refuseRequest(socket: TLSSocket, hosts: Hosts): SslPinningError | null;
}

/** What a connection was made for. */
interface Attempt {
  readonly hosts: Set<string | null>;
  readonly session: object | null;
}

/** With what @types/node does not know, and the name that the socket itself was connected to. */
type Client = TLSSocket & {
  readonly secureConnecting: boolean;
  /** That the handshake is over, also of a socket that a program constructs itself: that one is `secureConnecting` for ever. */
  readonly _secureEstablished: boolean;
  readonly servername: string | false | null;
  readonly _host: string | null;
};

const attempts = new WeakMap<TLSSocket, Attempt>();

/**
 * Has every TLS connection of this process judged, as a client's, at two moments: when a handshake is done, and when a
 * request is about to be sent.
 */
export function hookTls(judge: Judge): void {
  hookConnect(judge);
  hookHandshake(judge);
  hookRequests(judge);
}

/**
 * Learns what each connection is made for. `tls.connect` is what `fetch` (undici), `https`, `http2`, WebSocket and npm's
 * clients all end in.
 */
function hookConnect(judge: Judge): void {
  const connect = tls.connect as (...args: unknown[]) => TLSSocket;
  function pinned(...args: unknown[]): TLSSocket {
    const { options, callback } = readArguments(args);
    const hosts = hostsOf(options);
    const session = typeof options.session === 'object' ? options.session : null;
    const isOffered = options.session && judge.mayResume(session ?? {}, hosts);
    if (options.session && !isOffered) options.session = undefined;
    // What was read above, not `args`: getters could answer differently the second time.
    const socket = connect(options, ...callback);
    attempts.set(socket, { hosts, session: isOffered ? session : null });
    return socket;
  }
  tls.connect = pinned as typeof tls.connect;
  syncBuiltinESMExports();
}

/**
 * Holds `secureConnect` back until the connection is judged: by then Node has validated the chain and the name, and nothing
 * was sent yet. One that is refused fails instead, like a bad certificate. `checkServerIdentity` would not do: it is not
 * called for resumed handshakes. On the prototype it also sees what was begun before the hook was there, or by a reference
 * to `tls.connect` of before.
 */
function hookHandshake(judge: Judge): void {
  const { prototype } = TLSSocket;
  const own = Object.hasOwn(prototype, 'emit') ? prototype.emit : null;
  const refuse = (socket: TLSSocket): boolean => {
    const error = judge.refuse(socket, namesOf(socket), attempts.get(socket)?.session ?? null);
    if (error !== null) socket.destroy(error);
    return error !== null;
  };
  prototype.emit = function (this: TLSSocket, ...args: [string | symbol, ...unknown[]]): boolean {
    if (args[0] === 'secureConnect' && refuse(this)) return false;
    const emit = own ?? Object.getPrototypeOf(prototype).emit;
    if (args[0] !== 'secure') return Reflect.apply(emit, this, args);
    try {
      return Reflect.apply(emit, this, args);
    } finally {
      // `secureConnect` was not told where `checkServerIdentity` has thrown, and is not of a TLSSocket that a program
      // constructs itself for a request; Node would send over either.
      if ((this as Client).secureConnecting && !this.destroyed && attempts.has(this)) refuse(this);
    }
  };
}

/**
 * Tells for which host a request goes over a connection. That is news of one that was open before there was a hook, of one
 * that an agent's own `createConnection` made under another name, and of one whose TLS was given another name than that of
 * the request's `Host` header.
 */
function hookRequests(judge: Judge): void {
  /** Judges a connection now, or at the end of its handshake. */
  const refuse = (socket: TLSSocket, hosts: Set<string | null>): SslPinningError | null => {
    const { secureConnecting, _secureEstablished: isOver } = socket as Client;
    if (!secureConnecting || isOver) return judge.refuseRequest(socket, hosts);
    attempts.set(socket, { session: null, ...attempts.get(socket), hosts });
    return null;
  };
  diagnostics.subscribe('undici:client:sendHeaders', (message) => {
    const { request, headers, socket } = message as {
      request: { origin: unknown };
      headers: unknown;
      socket: unknown;
    };
    if (!(socket instanceof TLSSocket)) return;
    const origin = hostOverTls(request.origin);
    const named = origin === null ? [] : [origin, ...hostsInHead(String(headers))];
    const error = judge.refuseRequest(socket, namesOf(socket, ...named));
    if (error !== null) socket.destroy(error);
  });
  // Both take, or have, what @types/node does not know.
  const requests = http.ClientRequest.prototype as unknown as Requests;
  const { onSocket, _implicitHeader } = requests;
  /** Not `request.socket`, which is told of it later. */
  const sockets = new WeakMap<Requests, TLSSocket>();
  requests.onSocket = function (socket, error) {
    if (!(socket instanceof TLSSocket)) return onSocket.call(this, socket, error);
    sockets.set(this, socket);
    const refused = refuse(socket, namesOf(socket, ...hostsOfRequest(this)));
    onSocket.call(this, socket, error ?? refused ?? undefined);
  };
  // A request may have its connection before its headers are settled.
  requests._implicitHeader = function () {
    _implicitHeader.call(this);
    const socket = sockets.get(this);
    const refused = socket && refuse(socket, namesOf(socket, ...hostsOfRequest(this)));
    if (refused) this.destroy(refused);
  };
  hookHttp2((socket, authorities) => refuse(socket, namesOf(socket, ...authorities.map(hostOfAuthority))));
}

interface Requests extends http.ClientRequest {
  /** Request line and headers as they are sent; null until that is settled. */
  readonly _header: string | null;
  onSocket(this: Requests, socket: Socket | null, error?: unknown): void;
  _implicitHeader(this: Requests): void;
}

/** The hosts of the URL and of the `Host` header; none for what goes to a proxy in plain text, or opens a tunnel. */
function hostsOfRequest({ protocol, host, _header: head }: Requests): string[] {
  return protocol === 'https:' ? [host, ...hostsInHead(head ?? '')] : [];
}

/**
 * Whom a request is for by its own words, however it was told them. `CONNECT` is for the proxy; of a whole URL in its first line
 * the host counts, and not the one of the header (RFC 9112).
 */
function hostsInHead(head: string): string[] {
  const [, method, target = ''] = /^(\S+) (\S+)/.exec(head) ?? [];
  if (method === 'CONNECT') return [];
  if (/^[\w+.-]+:\/\//.test(target)) return [hostOverTls(target) ?? []].flat();
  return [...head.matchAll(/^host:[ \t]*(.*?)[ \t]*$/gim)].map(([, host = '']) => hostOfAuthority(host));
}

/** Without a port; what cannot be read is compared as it is. */
function hostOfAuthority(authority: string): string {
  return hostOverTls(`https://${authority}`) ?? authority;
}

/** The host of a URL whose requests go over TLS. */
function hostOverTls(url: unknown): string | null {
  try {
    const { protocol, hostname } = new URL(String(url));
    return protocol === 'https:' ? hostname.replace(/^\[|\]$/g, '') : null;
  } catch {
    return null;
  }
}

/** Reads any of the forms in which `tls.connect` may be called, as Node does: `[port,] [host,] [options,] [callback]`. */
function readArguments(args: readonly unknown[]): { options: ConnectionOptions; callback: unknown[] } {
  const [first, second, third] = args;
  const callback = args.slice(-1).filter((last) => typeof last === 'function');
  const more = [second, third].find(isObject);
  if (isObject(first)) return { options: { ...first, ...more }, callback };
  if (typeof first === 'string' && !(Number(first) >= 0))
    return { options: { path: first, ...more }, callback };
  const host = typeof second === 'string' ? { host: second } : {};
  return { options: { port: first as number, ...host, ...more }, callback };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** The names a connection is asked for; Node connects to `localhost`, and checks that name, where none is given. */
function hostsOf({ host, servername, socket, path }: ConnectionOptions): Set<string | null> {
  const connected = host || (socket || path ? null : 'localhost');
  const given = [connected, servername].filter(Boolean).map(String);
  if (given.length > 0) return new Set(given);
  return new Set([socket ? addressOf(socket) : 'localhost']);
}

/** The names that a connection is known to stand for by now, with those of a request over it if there is one. */
function namesOf(socket: TLSSocket, ...requested: readonly (string | null)[]): Set<string | null> {
  const names = new Set(attempts.get(socket)?.hosts);
  const { servername, _host: host } = socket as Client;
  for (const name of [servername, host, ...requested]) if (name) names.add(name);
  return names.size > 0 ? names : new Set([addressOf(socket)]);
}

/** The host that a socket was connected to by its name, or its address. */
function addressOf(socket: object): string | null {
  const { _host: name, remoteAddress } = socket as { _host?: string | null; remoteAddress?: string };
  return name ?? remoteAddress ?? null;
}
