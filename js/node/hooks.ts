import diagnostics from 'node:diagnostics_channel';
import http, { type ClientRequest } from 'node:http';
import { syncBuiltinESMExports } from 'node:module';
import type { Duplex } from 'node:stream';
import tls, { type ConnectionOptions, TLSSocket } from 'node:tls';
import type { SslPinningError } from '../src/errors.js';

type Hosts = (string | null)[];

/** Who decides about new connections. */
export interface Judge {
  /** Whether a TLS session may be offered to these hosts. */
  mayResume(session: object, hosts: Hosts): boolean;
  /** Judges a connection whose handshake is done: the error to end it with, or null. */
  refuse(socket: TLSSocket, hosts: Hosts, session: object | null): SslPinningError | null;
}

/**
 * Has every client connection of this process judged between the end of its handshake, by when Node has validated the
 * chain and the name, and the event that tells about it.
 *
 * `tls.connect` is what `fetch` (undici), `https`, `http2`, WebSocket and npm's clients all end in. Node has no hook that
 * also sees resumed handshakes: `checkServerIdentity` is not called for them.
 */
export function hookTlsConnect(judge: Judge): void {
  const connect = tls.connect as (...args: unknown[]) => TLSSocket;
  const pinned = (...args: unknown[]): TLSSocket => {
    const options = optionsOf(args);
    const hosts = hostsOf(options);
    const session = typeof options.session === 'object' ? options.session : null;
    const offered = options.session && judge.mayResume(session ?? {}, hosts);
    const socket = connect(...(options.session && !offered ? args.map(withoutSession) : args));
    judgeOnceSecure(socket, () => judge.refuse(socket, hosts, offered ? session : null));
    return socket;
  };
  tls.connect = pinned as typeof tls.connect;
  syncBuiltinESMExports();
}

/** Holds `secureConnect` back until the connection is judged; one that is refused fails instead, like a bad certificate. */
function judgeOnceSecure(socket: TLSSocket, refuse: () => SslPinningError | null): void {
  const { emit } = socket;
  const isOwn = Object.hasOwn(socket, 'emit');
  const judging = function (this: TLSSocket, event: string | symbol, ...rest: unknown[]): boolean {
    if (event !== 'secureConnect') return Reflect.apply(emit, this, [event, ...rest]);
    if (socket.emit === judging) {
      if (isOwn) socket.emit = emit;
      else Reflect.deleteProperty(socket, 'emit');
    }
    const error = refuse();
    if (error === null) return Reflect.apply(emit, this, [event, ...rest]);
    socket.destroy(error);
    return false;
  };
  socket.emit = judging;
}

/** The options of any of the forms in which `tls.connect` may be called. */
function optionsOf(args: readonly unknown[]): ConnectionOptions {
  const options = args.find((argument) => typeof argument === 'object' && argument !== null);
  // As in Node: the host of the options is preferred to one that stands alone.
  return { ...(typeof args[1] === 'string' ? { host: args[1] } : {}), ...options };
}

function withoutSession(argument: unknown): unknown {
  const hasOne = typeof argument === 'object' && argument !== null && 'session' in argument;
  return hasOne ? { ...argument, session: undefined } : argument;
}

/** The names a connection stands for; where none is given, the one for which Node checks the certificate. */
function hostsOf({ host, servername, socket }: ConnectionOptions): Hosts {
  const given = new Set([host, servername].filter((name): name is string => Boolean(name)));
  if (given.size > 0) return [...given];
  if (socket === undefined) return ['localhost'];
  const { _host: name, remoteAddress } = socket as { _host?: string | null; remoteAddress?: string };
  return [name ?? remoteAddress ?? null];
}

/**
 * Asks about connections that were opened before there was a hook, when the next request is about to go over them: of
 * undici, and of agents.
 */
export function hookReusedSockets(refuse: (socket: TLSSocket, hosts: Hosts) => SslPinningError | null): void {
  diagnostics.subscribe('undici:client:sendHeaders', (message) => {
    const { request, socket } = message as { request: { origin: string | URL }; socket: unknown };
    if (!(socket instanceof TLSSocket)) return;
    const error = refuse(socket, [new URL(request.origin).hostname]);
    if (error !== null) socket.destroy(error);
  });
  // Documented, but missing in @types/node.
  const agents = http.Agent.prototype as http.Agent & {
    reuseSocket(socket: Duplex, request: ClientRequest): void;
  };
  const reuse = agents.reuseSocket;
  agents.reuseSocket = function (socket, request) {
    reuse.call(this, socket, request);
    if (!(socket instanceof TLSSocket)) return;
    const error = refuse(socket, [request.host]);
    if (error === null) return;
    request.destroy(error);
    setImmediate(() => socket.destroy()); // else the agent would take it back
  };
}
