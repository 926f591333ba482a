import http2, { type ClientHttp2Session, type OutgoingHttpHeaders } from 'node:http2';
import { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';

/** Object, or names and values in turn. */
type Headers = OutgoingHttpHeaders | readonly string[] | undefined;

/**
 * Has every HTTP/2 request over TLS put before `refuse` ere it is sent, with its connection and the authorities that it is
 * for: that of the session, and the one that its own headers name. They differ where a program, or a client of its, shares a
 * connection between hosts.
 */
export function hookHttp2(refuse: (socket: TLSSocket, authorities: readonly string[]) => Error | null): void {
  const prototype = sessionPrototype();
  const { request } = prototype;
  prototype.request = function (this: ClientHttp2Session, ...args: Parameters<typeof request>) {
    const socket = socketOf(this);
    const error = socket && refuse(socket, [...authoritiesOf(this), ...authoritiesIn(args[0])]);
    if (error) throw error; // others may go on over this connection
    return Reflect.apply(request, this, args);
  };
}

/** Of the class that Node does not export. Patched there, it also sees the sessions that are open already. */
function sessionPrototype(): ClientHttp2Session {
  const nobody = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  const session = http2.connect('http://localhost', { createConnection: () => nobody });
  session.on('error', () => {}).destroy();
  return Object.getPrototypeOf(session);
}

function own(session: ClientHttp2Session, description: string): unknown {
  const key = Object.getOwnPropertySymbols(session).find((symbol) => symbol.description === description);
  return key && Object.getOwnPropertyDescriptor(session, key)?.value;
}

/** Not `session.socket`, which stands for it and is another object. */
function socketOf(session: ClientHttp2Session): TLSSocket | null {
  const socket = own(session, 'socket');
  return socket instanceof TLSSocket ? socket : null;
}

function authoritiesOf(session: ClientHttp2Session): string[] {
  const authority = own(session, 'authority');
  return typeof authority === 'string' ? [authority] : [];
}

function authoritiesIn(headers: Headers): string[] {
  const pairs: [string, unknown][] = Array.isArray(headers)
    ? headers.flatMap((name, index) => (index % 2 === 0 ? [[String(name), headers[index + 1]]] : []))
    : Object.entries(headers ?? {});
  const of = (wanted: string) =>
    pairs.filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => String(value));
  // The target of a tunnel is not who is spoken to here.
  const isTunnel = of(':method').includes('CONNECT') && of(':protocol').length === 0;
  return isTunnel ? [] : [...of(':authority'), ...of('host')];
}
