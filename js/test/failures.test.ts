/** Whether pinning is why a request has failed: asked of the error, or of the engine. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import {
  addSslPinningErrorListener,
  getSslPinningError,
  initializeSslPinning,
  isSslPinningError,
  SslPinningConfigError,
  SslPinningError,
  SslPinningUnavailableError,
} from '../node/index.js';
import { byFetch, byHttps, pin, pinHost, testbed, unpinned } from './node-support.js';
import { WRONG_PIN } from './testbed.js';
import { moment, until } from './waiting.js';

beforeEach(unpinned);

async function errorOf(request: Promise<unknown>): Promise<unknown> {
  return request.then(
    () => assert.fail('the request went through'),
    (reason: unknown) => reason,
  );
}

test('what fetch, https and a client around them reject with is told from other errors', async () => {
  await pinHost('leaf', WRONG_PIN);
  const byNode = await errorOf(byFetch(testbed.url('leaf')));
  assert.ok(byNode instanceof TypeError);
  assert.equal(isSslPinningError(byNode), true);
  assert.equal(isSslPinningError(await errorOf(byHttps(testbed.url('leaf')))), true);
  assert.equal(isSslPinningError(new Error('cannot sign in', { cause: byNode })), true);
  assert.equal(isSslPinningError(await errorOf(fetch('https://127.0.0.1:1/'))), false);
});

test('an error of the other copy of this package, as CommonJS, is one too', () => {
  const { message, code } = new SslPinningError({
    serverHostname: 'a.test',
    reason: 'no-pin-matched',
    entry: 'a.test',
    servedPins: [],
  });
  assert.equal(isSslPinningError(Object.assign(new Error(message), { code })), true);
});

test('errors that refused no connection are none, nor is anything that is no error', () => {
  const circular = new Error('circular');
  circular.cause = circular;
  const others = [
    new SslPinningConfigError([]),
    new SslPinningUnavailableError(''),
    new TypeError('Network request failed'),
    circular,
    ...[null, undefined, 'E_SSL_PINNING', 1, {}, { cause: null }],
  ];
  for (const other of others) assert.equal(isSslPinningError(other), false, String(other));
});

test('the engine is asked without a listener, and the first listener is told all the same', async () => {
  await pinHost('leaf', WRONG_PIN);
  const { host } = testbed.host('leaf');
  const url = testbed.url('leaf');
  const start = Date.now();
  assert.equal(await getSslPinningError(url, start), null);
  await errorOf(byFetch(url));
  const refused = await getSslPinningError(url);
  assert.deepEqual(
    [refused?.serverHostname, refused?.reason, refused?.expectedPins],
    [host, 'no-pin-matched', [WRONG_PIN]],
  );
  assert.deepEqual(await getSslPinningError(url, start), refused, 'asking takes nothing away');
  const told: unknown[] = [];
  const subscription = addSslPinningErrorListener((event) => event.timestamp >= start && told.push(event));
  await until(() => told.length > 0);
  await moment();
  subscription.remove();
  assert.deepEqual(told, [refused]);
  assert.deepEqual(await getSslPinningError(url, start), refused, 'nor does telling');
});

test('a host is found in every spelling of a URL, and no other is', async () => {
  await pinHost('leaf', WRONG_PIN);
  const { host } = testbed.host('leaf');
  await errorOf(byFetch(testbed.url('leaf')));
  for (const url of [
    `https://${host}`,
    `https://${host}:8443/path?query#fragment`,
    `https://${host}?https://other.test/`,
    ` HTTPS://${host.toUpperCase()}./`,
    `https://user:p@ss@${host}/`,
    `wss://${host}\\`,
  ])
    assert.equal((await getSslPinningError(url))?.serverHostname, host, url);
  for (const url of [
    `https://other.test/${host}`,
    `https://other.test/@${host}/`,
    `https://other.test?@${host}`,
    `https://other.test#${host}`,
    `https://sub.${host}/`,
    `/path/of/${host}`,
    host,
    '',
  ])
    assert.equal(await getSslPinningError(url), null, url);
});

test('only what has happened lately counts', async () => {
  await pinHost('leaf', WRONG_PIN);
  await errorOf(byFetch(testbed.url('leaf')));
  const refused = await getSslPinningError(testbed.url('leaf'));
  assert.ok(refused);
  assert.ok(await getSslPinningError(testbed.url('leaf'), refused.timestamp));
  assert.equal(await getSslPinningError(testbed.url('leaf'), refused.timestamp + 1), null);
  const now = Date.now;
  try {
    Date.now = () => refused.timestamp + 10_001;
    assert.equal(await getSslPinningError(testbed.url('leaf')), null, 'ten seconds later');
  } finally {
    Date.now = now;
  }
});

test('after a redirect it is the host that it led to, found by its own URL or by none', async () => {
  const { host } = testbed.host('rsa2048');
  await pin(host, WRONG_PIN);
  const start = Date.now();
  const [from, to] = [testbed.url('leaf'), testbed.url('rsa2048')];
  await errorOf(byFetch(`${from}redirect?to=${encodeURIComponent(to)}`));
  assert.equal(await getSslPinningError(from, start), null);
  assert.equal((await getSslPinningError(to, start))?.serverHostname, host);
  assert.equal((await getSslPinningError(null, start))?.serverHostname, host);
});

test('what was only reported, or warned of, stopped no request', async () => {
  const { host } = testbed.host('leaf');
  const start = Date.now();
  const expirationDate = new Date(Date.now() + 5 * 86_400_000).toISOString().slice(0, 10);
  await initializeSslPinning({ [host]: { publicKeyHashes: [WRONG_PIN], reportOnly: true, expirationDate } });
  await byFetch(testbed.url('leaf'));
  assert.equal(await getSslPinningError(null, start), null);
});
