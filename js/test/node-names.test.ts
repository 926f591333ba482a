/** Requests for a pinned host over connections that were made for another name, and other ways in which the two differ. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type http from 'node:http';
import http2, { type ClientHttp2Session, type OutgoingHttpHeaders } from 'node:http2';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { beforeEach, test } from 'node:test';
import tls from 'node:tls';
import { Client } from 'undici';
import { disableSslPinning, SslPinningError } from '../node/index.js';
import {
  byFetch,
  byHttps,
  ca,
  pin,
  pinHost,
  refusal,
  refusedBecause,
  testbed,
  unpinned,
} from './node-support.js';
import { WRONG_PIN } from './testbed.js';

const anyName = { checkServerIdentity: () => undefined };
const { host: leaf, port } = testbed.host('leaf');
const { host: h2, port: portOfH2 } = testbed.host('h2');

beforeEach(unpinned);

test('a Host header names a pinned host also where TLS is given another name, or none', async () => {
  for (const servername of ['', 'elsewhere.test']) {
    const request = (headers: Record<string, string>) =>
      byHttps(`https://127.0.0.1:${port}/`, { ...anyName, servername, headers });
    for (const Host of [leaf, `${leaf}:${port}`, 'LEAF.spki.test.']) {
      await pinHost('leaf', testbed.pin('leaf', 'intermediate'));
      assert.equal((await request({ Host })).status, 200);
      await pinHost('leaf', WRONG_PIN);
      const before = await testbed.requests('leaf');
      assert.equal(await refusedBecause(request({ Host })), 'no-pin-matched', `${servername} ${Host}`);
      assert.equal(await testbed.requests('leaf'), before);
    }
    assert.equal((await request({ Host: 'other.test' })).status, 200, 'and no other');
  }
});

test('a Host header does not make a tunnel, or a proxy, into the host that it names', async () => {
  const url = testbed.url('intermediate');
  const { host } = testbed.host('intermediate');
  await pinHost('leaf', WRONG_PIN);
  const options = { servername: host, headers: { Host: leaf } };
  assert.equal((await byHttps(url, { ...options, path: 'http://leaf.spki.test/' })).status, 200);
  assert.equal((await refusal(byHttps(url, options))).serverHostname, leaf);
});

test('a request is judged by its Host as it is sent, however and whenever it was told it', async () => {
  const url = `https://127.0.0.1:${port}/`;
  const options = { ca, agent: false, ...anyName, servername: '' } as const;
  const ways: Record<string, () => http.ClientRequest> = {
    'names and values in turn': () => https.get(url, { ...options, headers: ['Host', leaf] as never }),
    'two of them': () => https.get(url, { ...options, headers: ['Host', 'a.test', 'HOST', leaf] as never }),
    'a header that is sent at once': () =>
      https.get(url, { ...options, headers: { Host: leaf, Expect: '100-continue' } }),
    'the whole URL in the first line': () => https.get(url, { ...options, path: `https://${leaf}/` }),
    'once there is a connection': () => {
      const request = https.request(url, options);
      request.on('socket', (socket) =>
        socket.on('secureConnect', () => setImmediate(() => request.setHeader('Host', leaf).end())),
      );
      return request;
    },
  };
  for (const [way, send] of Object.entries(ways)) {
    const answered = async () => {
      const [response] = await once(send(), 'response');
      response.resume();
      return response.statusCode;
    };
    await pinHost('leaf', testbed.pin('leaf', 'root'));
    assert.equal(await answered(), 200, way);
    await pinHost('leaf', WRONG_PIN);
    const before = await testbed.requests('leaf');
    assert.equal(await refusedBecause(answered()), 'no-pin-matched', way);
    assert.equal(await testbed.requests('leaf'), before, way);
  }
});

test('a Host header counts where the connector of a client gives TLS another name', async () => {
  const connect = (_: unknown, done: (...answer: unknown[]) => void) => {
    const options = { port, host: '127.0.0.1', ca, ...anyName, servername: '' };
    const socket = tls.connect(options, () => done(null, socket)).on('error', done);
  };
  const client = new Client(`https://127.0.0.1:${port}`, { connect: connect as never });
  const get = async (headers: Record<string, string>) => {
    const { statusCode, body } = await client.request({ path: '/', method: 'GET', headers });
    await body.dump();
    return statusCode;
  };
  await pinHost('leaf', WRONG_PIN);
  assert.equal(await get({ host: 'other.test' }), 200);
  assert.equal(await refusedBecause(get({ host: leaf })), 'no-pin-matched');
  assert.equal(await testbed.requests('leaf'), 1);
  await client.destroy();
});

test('a name that TLS is given after tls.connect is judged too', async () => {
  await pinHost('leaf', WRONG_PIN);
  const socket = tls.connect({ port, host: '127.0.0.1', ca, ...anyName, servername: '' });
  (socket as tls.TLSSocket & { setServername(name: string): void }).setServername(leaf);
  const [error] = await once(socket, 'error');
  assert.ok(error instanceof SslPinningError, String(error));
});

test('a connection is made anew for a request of another Host', async () => {
  const client = new Client(`https://127.0.0.1:${port}`, { connect: { ca, ...anyName } });
  const get = async (headers = {}) => {
    const { statusCode, body } = await client.request({ path: '/', method: 'GET', headers });
    await body.dump();
    return statusCode;
  };
  await pinHost('leaf', WRONG_PIN);
  assert.equal(await get(), 200);
  assert.equal(await refusedBecause(get({ host: leaf })), 'no-pin-matched');
  assert.equal(await testbed.requests('leaf'), 1);
  await client.destroy();
});

test('a TLSSocket that a program constructs itself carries no request once its handshake is over either', async () => {
  const open = async () => {
    const below = net.connect(port, '127.0.0.1');
    await once(below, 'connect');
    const socket = new tls.TLSSocket(below) as tls.TLSSocket & { _start(): void };
    socket._start(); // as clients of databases do
    await once(socket, 'secure');
    return { agent: undefined, createConnection: () => socket } as object;
  };
  assert.equal(
    (await byHttps(testbed.url('leaf'), await open())).status,
    200,
    'Node validates nothing there',
  );
  await pinHost('leaf', testbed.pin('leaf'));
  assert.equal(await refusedBecause(byHttps(testbed.url('leaf'), await open())), 'chain-not-validated');
  assert.equal(await testbed.requests('leaf'), 1);
});

/** The status that a request is answered with. */
async function statusOf(session: ClientHttp2Session, headers: OutgoingHttpHeaders | string[] = {}) {
  const stream = session.request(headers as OutgoingHttpHeaders).resume();
  const [[answer]] = await Promise.all([once(stream, 'response'), once(stream, 'close')]);
  return answer[':status'];
}

/** A stream that ends with its session has the session's error as its cause. */
function isRefusal(error: Error): boolean {
  return (error.cause ?? error) instanceof SslPinningError;
}

/** A session of another name, which is not pinned, with the server of h2. */
function elsewhere(): ClientHttp2Session {
  return http2.connect(`https://127.0.0.1:${portOfH2}`, { ca, ...anyName }).on('error', () => {});
}

test('an HTTP/2 request for a pinned host is judged on a session of another', async () => {
  const ways = [
    { ':authority': h2 },
    { ':authority': `${h2}:${portOfH2}` },
    { Host: h2 },
    { host: 'H2.spki.test.' },
  ];
  for (const headers of ways) {
    await pinHost('h2', testbed.pin('h2', 'root'));
    const first = elsewhere();
    assert.equal(await statusOf(first, headers), 200);
    const second = elsewhere();
    assert.equal(await statusOf(second), 200);
    await pinHost('h2', WRONG_PIN);
    assert.equal(first.destroyed, true, 'it has been used for the pinned host');
    const before = await testbed.requests('h2');
    await assert.rejects(statusOf(second, headers), isRefusal, JSON.stringify(headers));
    assert.equal(await testbed.requests('h2'), before);
    assert.equal(await statusOf(second), 200, 'it is there for its own host as before');
    second.destroy();
  }
});

test('an HTTP/2 request for a pinned host is judged before a session of another is connected', async () => {
  await pinHost('h2', WRONG_PIN);
  const session = elsewhere();
  await assert.rejects(statusOf(session, { ':authority': h2 }), isRefusal);
  assert.equal(session.destroyed, true);
  assert.equal(await testbed.requests('h2'), 0);
});

test('an HTTP/2 session over a connection that a program makes under another name is judged by its own', async () => {
  const createConnection = () =>
    tls.connect({ port: portOfH2, host: '127.0.0.1', ca, ALPNProtocols: ['h2'], ...anyName });
  const open = () => http2.connect(testbed.url('h2'), { createConnection }).on('error', () => {});
  await pinHost('h2', testbed.pin('h2'));
  const session = open();
  assert.equal(await statusOf(session), 200);
  await pinHost('h2', WRONG_PIN);
  await assert.rejects(statusOf(open()), isRefusal);
  assert.equal(await testbed.requests('h2'), 1);
  session.destroy();
});

test('a tunnel over HTTP/2 is no request to its target', async () => {
  await pin('127.0.0.1', testbed.pin('h2'));
  const session = elsewhere();
  assert.equal(await statusOf(session), 200);
  const target = { ':method': 'CONNECT', ':authority': `${leaf}:443` };
  await pin(leaf, WRONG_PIN);
  const stream = session.request(target);
  const [answer] = await once(stream, 'response');
  assert.ok(answer[':status'] >= 400, 'the testbed opens none');
  session.destroy();
});

test('validation that is switched off for the whole process does not switch pinning off', async () => {
  const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED;
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
  try {
    const url = testbed.url('self-signed');
    assert.equal((await byHttps(url)).status, 200, 'as ever where nothing is pinned');
    await pinHost('self-signed', testbed.host('self-signed').servedPins[0] ?? '');
    await pinHost('leaf', WRONG_PIN);
    for (const request of [byHttps, byFetch]) {
      assert.equal(await refusedBecause(request(testbed.url('leaf'))), 'no-pin-matched');
    }
    await pinHost('self-signed', testbed.host('self-signed').servedPins[0] ?? '');
    assert.equal(await refusedBecause(byHttps(url)), 'chain-not-validated');
  } finally {
    if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before;
  }
});

test('a TLS session that is slipped in after tls.connect is judged by what the server shows', async () => {
  for (const name of ['tickets12', 'tickets13']) {
    await disableSslPinning();
    const { host, port } = testbed.host(name);
    const open = () => tls.connect({ port, host: '127.0.0.1', servername: host, ca });
    const first = open();
    const [[session]] = await Promise.all([once(first, 'session'), once(first, 'secureConnect')]);
    first.destroy();
    await pinHost(name, WRONG_PIN);
    const second = open() as tls.TLSSocket & { setSession(session: Buffer): void };
    second.setSession(session);
    const [error] = await once(second, 'error');
    assert.ok(error instanceof SslPinningError, `${name}: ${error}`);
  }
});

test('a connection that is handed over by its address is judged by the name that is asked for', async () => {
  const server = net.createServer((client) => {
    const upstream = net.connect(port, '127.0.0.1');
    upstream.on('error', () => client.destroy());
    client.on('error', () => upstream.destroy());
    client.pipe(upstream).pipe(client);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const there = (server.address() as AddressInfo).port;
  await pinHost('leaf', WRONG_PIN);
  const lookup = (_name: string, options: { all?: boolean }, done: (...answer: unknown[]) => void) =>
    options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4);
  const request = byHttps(`https://${leaf}:${there}/`, { lookup } as object);
  assert.equal(await refusedBecause(request), 'no-pin-matched');
  assert.equal(await testbed.requests('leaf'), 0);
  server.close();
});
