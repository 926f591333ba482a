// @ts-check
/**
 * A TLS server for `interop_node.rs`: says in lines of JSON what it sees, and ends with its standard input.
 *
 * Its argument: options of `tls.createServer`, and under `behaviour` what it does besides.
 */
import { constants } from 'node:crypto';
import { createSecureServer } from 'node:http2';
import { createServer } from 'node:tls';

/**
 * @typedef {object} Behaviour
 * @property {string} [answer] base64; what is sent for a request
 * @property {'end' | 'cut'} [ending] after the answer: with TLS's own goodbye, or without
 * @property {string} [stapled] base64 of an OCSP response
 * @property {boolean} [sessionsById] instead of by ticket
 * @property {boolean} [refuseName] whatever name is asked for
 * @property {boolean} [renegotiate] before the answer
 * @property {boolean} [http2] and HTTP/1.1 for who does not ask for it
 */

/** @type {import('node:tls').TlsOptions & {behaviour: Behaviour}} */
const { behaviour, ...options } = JSON.parse(process.argv[2] ?? '');

/** @param {Record<string, unknown>} event */
const say = (event) => console.log(JSON.stringify(event));

if (behaviour.sessionsById) {
  options.secureOptions = constants.SSL_OP_NO_TICKET;
}
if (behaviour.refuseName) {
  options.SNICallback = (_name, callback) => callback(new Error('nobody has that name'));
}

const server = behaviour.http2
  ? createSecureServer({ ...options, allowHTTP1: true }, (request, response) => {
      say({ event: 'data', bytes: 1 });
      say({ event: 'request', version: request.httpVersion });
      request.socket.on('close', () => say({ event: 'end' }));
      response.writeHead(200, { connection: 'close', 'content-length': 2 }).end('ok');
    })
  : createServer(options);

server.on('secureConnection', (/** @type {import('node:tls').TLSSocket} */ socket) => {
  say({
    event: 'secure',
    version: socket.getProtocol(),
    resumed: socket.isSessionReused(),
    protocol: socket.alpnProtocol,
    name: 'servername' in socket ? socket.servername : null,
    authorized: socket.authorized,
  });
  if (!behaviour.http2) {
    serve(socket);
  }
});
// A handshake that has failed, whoever is to blame.
server.on('tlsClientError', (error) => say({ event: 'end', error: error.message }));

if (behaviour.stapled !== undefined) {
  const response = Buffer.from(behaviour.stapled, 'base64');
  server.on('OCSPRequest', (_certificate, _issuer, callback) => callback(null, response));
}
if (behaviour.sessionsById) {
  /** @type {Map<string, Buffer>} */
  const sessions = new Map();
  server.on('newSession', (id, data, done) => {
    sessions.set(id.toString('hex'), data);
    done();
  });
  server.on('resumeSession', (id, done) => done(null, sessions.get(id.toString('hex')) ?? null));
}

/** @param {import('node:tls').TLSSocket} socket */
function serve(socket) {
  let received = '';
  socket.on('data', (data) => {
    say({ event: 'data', bytes: data.length });
    received += data.toString('latin1');
    if (received.endsWith('\r\n\r\n')) {
      say({ event: 'request', line: received.split('\r\n')[0] });
      received = '';
      if (behaviour.renegotiate) {
        socket.renegotiate({}, (error) => say({ event: 'renegotiated', error: error?.message ?? null }));
      }
      answer(socket);
    }
  });
  socket.on('error', (error) => say({ event: 'error', error: error.message }));
  socket.on('close', () => say({ event: 'end' }));
}

/** @param {import('node:tls').TLSSocket} socket */
function answer(socket) {
  const bytes = Buffer.from(behaviour.answer ?? '', 'base64');
  if (behaviour.ending === 'cut') {
    // Written to the network before the TCP connection ends under TLS.
    socket.write(bytes, () => setTimeout(() => socket.destroy(), 50));
  } else {
    socket.end(bytes);
  }
}

process.stdin.resume().on('end', () => process.exit());
server.listen(0, '127.0.0.1', () => say({ event: 'listening', address: server.address() }));
