/** Raw `node:tls`, and what programs do with it that could lead round a pin. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { beforeEach, test } from 'node:test';
import tls, { type ConnectionOptions, connect as namedConnect, TLSSocket, type TlsOptions } from 'node:tls';
import { Agent, Client, ProxyAgent } from 'undici';
import { disableSslPinning, initializeSslPinning, SslPinningError } from '../node/index.js';
import {
  byFetch,
  byHttps,
  ca,
  eventsOf,
  pin,
  pinHost,
  refusal,
  refusedBecause,
  testbed,
  unpinned,
} from './node-support.js';
import { WRONG_PIN } from './testbed.js';
import { until } from './waiting.js';
import { Workspace } from './workspace.js';

const anyName = { checkServerIdentity: () => undefined };
const { host: leaf, port } = testbed.host('leaf');

beforeEach(unpinned);

/** The error that a connection ends with instead of being secure. */
function errorOf(socket: TLSSocket): Promise<unknown> {
  return once(socket, 'secureConnect').then(
    () => assert.fail('it is told to be secure'),
    (error: unknown) => error,
  );
}

/** A server for `client.spki.test`, trusted under the testbed's root, and what it received. */
async function serve(options: TlsOptions, accept: (socket: TLSSocket) => void = () => {}) {
  const [key, cert] = [testbed.document.clientKeyFile, testbed.document.clientCertFile].map((file) =>
    readFileSync(file),
  );
  const seen = { handshakes: 0, bytes: 0 };
  const server = tls.createServer({ key, cert, ...options }, (socket) => {
    seen.handshakes += 1;
    socket.on('error', () => {});
    socket.on('data', (data) => {
      seen.bytes += data.length;
    });
    accept(socket);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const target = { port, host: '127.0.0.1', servername: 'client.spki.test', ca };
  return { server, seen, target };
}

test('every way to call tls.connect is seen, under the name that Node connects to', async () => {
  // biome-ignore lint/suspicious/noExplicitAny: forms that work and that the types do not know
  const connect = tls.connect as any;
  let asked = 0;
  const changing = {
    ...{ port, ca, servername: leaf },
    get host() {
      asked += 1;
      return asked === 1 ? '127.0.0.1' : 'elsewhere.test';
    },
  };
  const secure = () => assert.fail('it is told to be secure');
  const ways: [string, string, () => TLSSocket][] = [
    ['options', '127.0.0.1', () => tls.connect({ port, host: '127.0.0.1', ca, servername: leaf })],
    ['a server name', leaf, () => tls.connect({ port, host: '127.0.0.1', ca, servername: leaf })],
    ['a server name alone', leaf, () => tls.connect({ port, ca, servername: leaf })],
    ['the host behind a server name', 'localhost', () => tls.connect({ port, ca, servername: leaf })],
    ['an empty server name', leaf, () => tls.connect({ port, host: leaf, ca, servername: '' })],
    ['options without a name', 'localhost', () => tls.connect({ port, ca })],
    ['port and options', 'localhost', () => tls.connect(port, { ca })],
    ['port as text', 'localhost', () => connect(String(port), { ca })],
    ['port, host and options', '127.0.0.1', () => tls.connect(port, '127.0.0.1', { ca })],
    ['port, no host, options', 'localhost', () => connect(port, null, { ca })],
    ['port, host of the options', '127.0.0.1', () => tls.connect(port, 'a.test', { ca, host: '127.0.0.1' })],
    ['two options', '127.0.0.1', () => connect({ port, ca, host: 'a.test' }, { host: '127.0.0.1' })],
    ['options and a host that Node ignores', 'localhost', () => connect({ port, ca }, 'a.test')],
    ['options that change', '127.0.0.1', () => tls.connect(changing)],
    ['a host that is no string', '127.0.0.1', () => connect({ ...tunnel(), host: ['127.0.0.1'] })],
    ['a callback', '127.0.0.1', () => tls.connect(port, '127.0.0.1', { ca }, secure)],
    ['options and a callback', 'localhost', () => tls.connect({ port, ca }, secure)],
    ['new', 'localhost', () => new connect({ port, ca })],
    ['a named import', '127.0.0.1', () => namedConnect({ port, host: '127.0.0.1', ca })],
  ];
  for (const [way, name, open] of ways) {
    await initializeSslPinning({ [name]: { publicKeyHashes: [WRONG_PIN] } });
    const error = await errorOf(open());
    assert.ok(error instanceof SslPinningError, `${way}: ${error}`);
    assert.equal(error.serverHostname, name, way);
  }
});

/** Over a socket that says nothing of a name. */
function tunnel(): ConnectionOptions {
  return { socket: net.connect(port, '127.0.0.1'), ca, ...anyName };
}

test('wrong arguments fail as ever', () => {
  // biome-ignore lint/suspicious/noExplicitAny: that is the test
  const connect = tls.connect as any;
  assert.throws(() => connect(), { code: 'ERR_MISSING_ARGS' });
  assert.throws(() => connect(null), { code: 'ERR_INVALID_ARG_TYPE' });
});

test('a TLS socket is an ordinary one once it is judged', async () => {
  await pin(leaf, testbed.pin('leaf'));
  const socket = tls.connect({ port, host: '127.0.0.1', servername: leaf, ca });
  await once(socket, 'secureConnect');
  assert.equal(Object.hasOwn(socket, 'emit'), false);
  socket.destroy();
});

test('not one byte of what was written before the handshake leaves for a server that is refused', async () => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const { server, seen, target } = await serve({ minVersion: version, maxVersion: version });
    const send = async () => {
      const socket = tls.connect(target);
      socket.end('secret');
      const [error] = await Promise.race([once(socket, 'error'), once(socket, 'close')]);
      return error;
    };
    await pin('client.spki.test', WRONG_PIN);
    assert.ok((await send()) instanceof SslPinningError);
    await disableSslPinning();
    await send();
    await until(() => seen.handshakes >= (version === 'TLSv1.2' ? 2 : 1));
    assert.equal(seen.bytes, 'secret'.length, `${version}: only what was sent without pins`);
    server.close();
  }
});

/** The first error that nobody catches while something is done. */
async function uncaught(work: () => Promise<unknown>): Promise<unknown> {
  const runner = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  const thrown = new Promise((resolve) => process.once('uncaughtException', resolve));
  await work();
  for (const listener of runner) process.on('uncaughtException', listener);
  return thrown;
}

test('a checkServerIdentity that throws opens no way to a pinned host', async () => {
  const { server, seen, target } = await serve({});
  const checkServerIdentity = () => {
    throw new Error('a mistake of the app');
  };
  await pin('client.spki.test', WRONG_PIN);
  const socket = tls.connect({ ...target, checkServerIdentity });
  socket.write('secret');
  const thrown = await uncaught(async () => {
    assert.ok((await errorOf(socket)) instanceof SslPinningError);
    await new Promise((resolve) => setTimeout(resolve, 100));
  });
  assert.equal(String(thrown), 'Error: a mistake of the app', 'as ever');
  assert.equal(seen.bytes, 0);
  server.close();
});

test('a connection that cannot be judged does not reach a pinned host, and others are left alone', async () => {
  const { server, seen, target } = await serve({});
  const open = () => {
    const socket = tls.connect(target);
    const { getPeerCertificate } = socket;
    let calls = 0;
    const failing = () => {
      calls += 1;
      if (calls > 1) throw new Error('instrumentation that fails after Node has checked the name');
      return getPeerCertificate.call(socket, true);
    };
    socket.getPeerCertificate = failing as typeof getPeerCertificate;
    socket.write('secret');
    return socket;
  };
  await pin('client.spki.test', WRONG_PIN);
  const error = await errorOf(open());
  assert.ok(error instanceof SslPinningError);
  assert.deepEqual([error.reason, error.serverHostname], ['internal-error', '127.0.0.1']);
  assert.match(String(error.cause), /instrumentation/);
  assert.equal(seen.bytes, 0);
  await disableSslPinning();
  const socket = open();
  await once(socket, 'secureConnect');
  await until(() => seen.bytes > 0);
  socket.destroy();
  server.close();
});

test('a session of unknown origin is not offered to a pinned host', async () => {
  const { host, port } = testbed.host('tickets13');
  const open = async (session?: Buffer) => {
    const socket = tls.connect({ port, host: '127.0.0.1', servername: host, ca, session });
    const [[issued]] = await Promise.all([once(socket, 'session'), once(socket, 'secureConnect')]);
    const resumed = socket.isSessionReused();
    socket.destroy();
    return { issued: Buffer.from(issued), resumed };
  };
  const { issued } = await open();
  assert.equal((await open(issued)).resumed, true, 'a copy works as ever where nothing is pinned');
  await pin(host, testbed.pin('tickets13'));
  assert.equal((await open(issued)).resumed, false);
});

test('a session is not offered under another name, for which Node 20 would check no certificate', async () => {
  const { host, port } = testbed.host('tickets13');
  const publicKeyHashes = [testbed.pin('tickets13', 'intermediate')];
  const victim = 'victim.spki.test';
  await initializeSslPinning({ [host]: { publicKeyHashes } });
  const first = tls.connect({ port, host, ca });
  const [[session]] = await Promise.all([once(first, 'session'), once(first, 'secureConnect')]);
  first.destroy();
  await initializeSslPinning({ [host]: { publicKeyHashes }, [victim]: { publicKeyHashes } });
  const error = (await errorOf(tls.connect({ port, host: victim, ca, session }))) as { code: string };
  assert.equal(error.code, 'ERR_TLS_CERT_ALTNAME_INVALID');
});

test('a server that changes its certificate on an open connection is judged by the new one', async () => {
  const workspace = new Workspace();
  const pem = workspace.certificate('other');
  const other = tls.createSecureContext({
    cert: readFileSync(pem),
    key: readFileSync(workspace.path('other.key')),
  });
  // Without tickets the second handshake is a full one too. (SSL_OP_NO_TICKET)
  const { server, target } = await serve({ maxVersion: 'TLSv1.2', secureOptions: 1 << 14 }, (socket) => {
    // Missing in @types/node.
    const { setKeyCert } = socket as TLSSocket & { setKeyCert(context: tls.SecureContext): void };
    socket.once('data', () => {
      setKeyCert.call(socket, other);
      socket.renegotiate({}, () => {});
    });
  });
  const open = async () => {
    const socket = tls.connect({ ...target, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const key = socket.getPeerX509Certificate()?.publicKey.export({ type: 'spki', format: 'der' }) ?? '';
    return { socket, pin: createHash('sha256').update(key).digest('base64') };
  };
  const first = await open();
  first.socket.write('change');
  await once(first.socket, 'secureConnect');
  assert.equal(first.socket.getPeerCertificate().subject.CN, 'other', 'as ever where nothing is pinned');
  first.socket.destroy();
  await pin('client.spki.test', first.pin);
  const { socket } = await open();
  socket.write('change');
  const error = await errorOf(socket);
  assert.ok(error instanceof SslPinningError, String(error));
  server.close();
});

test('a connection that a program makes under another name is judged by that of the URL too', async () => {
  const open = () => tls.connect({ port, host: '127.0.0.1', ca, ...anyName });
  const agent = new https.Agent({ keepAlive: true });
  Object.assign(agent, { createConnection: open });
  const byAgent = () => byHttps(testbed.url('leaf'), { agent });
  const byOption = () =>
    byHttps(testbed.url('leaf'), { agent: undefined, createConnection: open } as https.RequestOptions);
  const dispatcher = new Agent({
    connect(_options, callback) {
      const socket = open();
      socket.once('error', (error) => callback(error, null));
      socket.once('secureConnect', () => callback(null, socket));
    },
  });
  const byUndici = () => byFetch(testbed.url('leaf'), { dispatcher } as unknown as RequestInit);
  for (const request of [byAgent, byOption, byUndici]) {
    assert.equal((await request()).status, 200);
    await pinHost('leaf', testbed.pin('leaf'));
    assert.equal((await request()).status, 200);
    await pinHost('leaf', WRONG_PIN);
    const before = await testbed.requests('leaf');
    assert.equal(await refusedBecause(request()), 'no-pin-matched', request.name);
    assert.equal(await testbed.requests('leaf'), before);
    await disableSslPinning();
  }
  agent.destroy();
  await dispatcher.destroy();
});

test('a TLSSocket that a program constructs itself carries no request to a pinned host', async () => {
  const createConnection = () => new TLSSocket(net.connect(port, '127.0.0.1'));
  const options = { agent: undefined, createConnection } as https.RequestOptions;
  const request = () => byHttps(testbed.url('leaf', '/echo'), { ...options, method: 'POST' }, 'secret');
  assert.equal((await request()).status, 200, 'Node validates nothing there');
  await pinHost('leaf', testbed.pin('leaf'));
  assert.equal(await refusedBecause(request()), 'chain-not-validated');
  assert.equal(await testbed.requests('leaf'), 1);
});

test('an IP address behind a proxy is pinned, although TLS over the proxy is given no name', async () => {
  // What https-proxy-agent does: no host, and no server name for an address.
  const proxy = net.createServer((client) => {
    const server = net.connect(port, '127.0.0.1');
    server.on('error', () => client.destroy());
    client.on('error', () => server.destroy());
    server.pipe(client).pipe(server);
  });
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  const agent = new https.Agent();
  const createConnection = () => {
    const socket = net.connect((proxy.address() as AddressInfo).port, 'proxy.spki.test');
    return tls.connect({ socket, ca, ...anyName });
  };
  Object.assign(agent, { createConnection });
  await pin('192.0.2.1', WRONG_PIN);
  const error = await refusal(byHttps('https://192.0.2.1/', { agent }));
  assert.equal(error.serverHostname, '192.0.2.1');
  proxy.close();
});

test('a plain request through a TLS proxy has nothing to do with the pins of its host', async () => {
  const { server, target } = await serve({}, (socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      socket.once('data', () => socket.end('HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n'));
    });
  });
  const uri = `https://${target.servername}:${target.port}`;
  const dispatcher = new ProxyAgent({ uri, proxyTls: { ca } });
  const request = () => byFetch('http://leaf.spki.test/', { dispatcher } as unknown as RequestInit);
  await pinHost('leaf', WRONG_PIN);
  assert.equal((await request()).status, 204);
  await pin('client.spki.test', WRONG_PIN);
  assert.equal((await refusal(request())).serverHostname, 'client.spki.test', 'but the proxy has');
  await dispatcher.destroy();
  server.close();
});

test('an origin that is no URL is left alone', async () => {
  const client = new Client(testbed.url('http1').slice(0, -1), { connect: { ca } });
  const request = () => client.request({ path: '/', method: 'GET', origin: 'nonsense' });
  await pin('elsewhere.test', WRONG_PIN);
  const { statusCode, body } = await request();
  await body.dump();
  assert.equal(statusCode, 200);
  await pinHost('http1', WRONG_PIN);
  assert.equal(await refusedBecause(request()), 'no-pin-matched');
  await client.destroy();
});

test('two initialisations at once tell once, and both wait until the connection is gone', async () => {
  const socket = tls.connect({ port, host: '127.0.0.1', servername: leaf, ca });
  await once(socket, 'secureConnect');
  socket.on('error', () => {});
  let closed = false;
  socket.on('close', () => {
    closed = true;
  });
  await eventsOf(0, async () => {}); // those of other tests
  const events = await eventsOf(1, async () => {
    const waited = [pin(leaf, WRONG_PIN), pin(leaf, WRONG_PIN)].map((done) => done.then(() => closed));
    assert.deepEqual(await Promise.all(waited), [true, true]);
  });
  assert.deepEqual(
    events.map(({ reason }) => reason),
    ['no-pin-matched'],
  );
});

test('an idle HTTP/2 session whose errors nobody listens for is cut without ending the process', async () => {
  const session = http2.connect(testbed.url('h2'), { ca });
  await once(session, 'connect');
  const closed = new Promise((resolve) => session.on('close', resolve));
  await pinHost('h2', WRONG_PIN);
  await closed;
});

test('a connection that was closed before a request got it keeps nothing waiting', async () => {
  const socket = tls.connect({ port, host: '127.0.0.1', servername: leaf, ca });
  await once(socket, 'secureConnect');
  const closed = once(socket, 'close');
  socket.destroy();
  await closed;
  const options = { agent: undefined, createConnection: () => socket } as https.RequestOptions;
  https.get(testbed.url('leaf'), options).on('error', () => {}); // Node never ends it
  await new Promise((resolve) => setTimeout(resolve, 10));
  await pin(leaf, WRONG_PIN);
});
