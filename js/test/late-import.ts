/** For node-host.test.ts: a program that has connections, open or on their way, when it first imports the package. */
import { once } from 'node:events';
import http2 from 'node:http2';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import tls from 'node:tls';
import { resolveTestbed } from '../../scripts/lib/testbed.mjs';
import { WRONG_PIN } from './testbed.js';

const { TEST_URL: url = '', TEST_HOST: host = '', TEST_HTTP2_URL: urlOfHttp2 = '' } = process.env;
const agent = new https.Agent({ keepAlive: true });
const { connect } = tls;
const { port } = new URL(url);

async function byHttps(): Promise<void> {
  const request = https.get(url, { agent });
  const [response] = await once(request, 'response');
  await once(response.resume(), 'end');
}

async function byFetch(): Promise<void> {
  await (await fetch(url)).text();
}

/** A network that holds the handshake back until `release` is called. */
let release = () => {};
const slow = net.createServer((client) => {
  release = () => {
    const server = net.connect(Number(port), '127.0.0.1');
    server.pipe(client).pipe(server);
    server.on('error', () => client.destroy());
    client.on('error', () => server.destroy());
  };
});

/** A request whose connection is made while there is no pinning, and whose handshake ends when there is. */
async function underWay(): Promise<void> {
  const { port } = slow.address() as AddressInfo;
  const request = https.get(url, { agent: false, port });
  const connected = once(slow, 'connection');
  begun = once(request, 'response');
  begun.catch(() => {});
  await connected;
}
let begun: Promise<unknown> = Promise.resolve();

async function byKeptReference(): Promise<void> {
  const socket = connect({ port: Number(port), host, servername: host });
  await once(socket, 'secureConnect');
}

resolveTestbed();
const session = http2.connect(urlOfHttp2);

async function byHttp2(): Promise<void> {
  const stream = session.request().resume();
  await Promise.all([once(stream, 'response'), once(stream, 'close')]);
}

await byHttp2();
await once(slow.listen(0, '127.0.0.1'), 'listening');
await underWay();
await byFetch();
await byHttps();
await new Promise((resolve) => setTimeout(resolve, 50)); // both connections are in their pools

const { initializeSslPinning, SslPinningError } = await import('../node/index.js');
await initializeSslPinning({
  [host]: { publicKeyHashes: [WRONG_PIN] },
  [new URL(urlOfHttp2).hostname]: { publicKeyHashes: [WRONG_PIN] },
});
const handshake = () => {
  release();
  return begun;
};
for (const [name, request] of Object.entries({
  fetch: byFetch,
  https: byHttps,
  http2: byHttp2,
  handshake,
  byKeptReference,
})) {
  const error = await request().then(
    () => new Error('it went through'),
    (reason: Error) => (reason instanceof TypeError ? (reason.cause as Error) : reason),
  );
  console.log(name, error instanceof SslPinningError ? error.reason : error.message);
}
agent.destroy();
session.destroy();
slow.close();
