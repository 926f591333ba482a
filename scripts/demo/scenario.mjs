// @ts-check
/**
 * What the demo does: an app's calls, in an app's order. Each trial is a request that really happens; what it should come
 * to is written beside it, and the verdict of `evaluate` on the same configuration and chain has to agree.
 */
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import {
  addSslPinningErrorListener,
  disableSslPinning,
  initializeSslPinning,
  SslPinningConfigError,
  SslPinningError,
  updateSslPinning,
} from 'react-native-spki-pinning';
import { evaluateDocument, readCertificates } from '../../lib/cli/addon.js';
import { signingKey, signManifest } from '../../lib/cli/signing-key.js';
import { resolveTestbed, Testbed } from '../lib/testbed.mjs';
import { Table } from './table.mjs';

/** A pin that no server has. */
const NOBODY = 'AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=';
const YESTERDAY = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);

const testbed = Testbed.of(JSON.parse(process.env.SPKI_DEMO_TESTBED ?? '{}'));
const table = new Table();
let rotated = false;
/** @type {Record<string, unknown>} */
let configuration = {};
let reported = 0;

/** @type {string[]} */
const warned = [];

addSslPinningErrorListener((event) => {
  if (event.kind === 'failure') reported += 1;
  else warned.push(event.reason);
});
resolveTestbed();

/**
 * Pins these keys for a server of the testbed.
 * @param {string} server
 * @param {string[]} publicKeyHashes
 * @param {object} [more]
 */
async function pin(server, publicKeyHashes, more = {}) {
  const options = { [testbed.host(server).host]: { publicKeyHashes, ...more } };
  await initializeSslPinning(options);
  configuration = options;
}

/**
 * One request, and whether it came to what it should.
 * @param {string} what
 * @param {'allowed' | 'blocked'} expected
 * @param {string} server
 * @param {{ host?: string, path?: string, failing?: string, request?: (url: string) => Promise<unknown> }} [how]
 */
async function attempt(
  what,
  expected,
  server,
  { host, path = '/', failing = server, request = byFetch } = {},
) {
  const name = host ?? testbed.host(server).host;
  const url = testbed.url(server, path).replace(testbed.host(server).host, name);
  const before = await testbed.requests(failing);
  const refusal = await refusalOf(request(url));
  const seen = (await testbed.requests(failing)) - before;
  const offline = verdictOf(failing, failing === server ? name : testbed.host(failing).host);
  const happened = refusal === null ? 'allowed' : 'blocked';
  table.row({
    what,
    expected,
    happened,
    why: refusal?.reason ?? offline.reason,
    seen,
    good:
      happened === expected &&
      seen === (expected === 'allowed' ? 1 : 0) &&
      (offline.verdict === 'blocked') === (expected === 'blocked') &&
      (refusal === null || refusal.reason === offline.reason),
  });
}

/** @param {string} url */
async function byFetch(url) {
  const response = await fetch(url);
  await response.arrayBuffer();
}

/** Over a new connection each time, so that TLS sessions are resumed. */
const agent = new https.Agent({ keepAlive: false });
let resumed = false;

/**
 * @param {string} url
 * @returns {Promise<void>}
 */
function byHttps(url) {
  return new Promise((resolve, reject) => {
    const request = https.get(url, { agent }, (response) => {
      resumed = response.headers['x-testbed-handshake'] === 'resumed';
      response.resume().on('end', resolve);
    });
    request.on('error', reject);
  });
}

/**
 * @param {Promise<unknown>} request
 * @returns {Promise<SslPinningError | null>}
 */
async function refusalOf(request) {
  try {
    await request;
    return null;
  } catch (error) {
    const cause = error instanceof TypeError ? error.cause : error; // fetch wraps it
    if (cause instanceof SslPinningError) return cause;
    throw error;
  }
}

/**
 * What `npx react-native-spki-pinning evaluate` says of the configuration in force and a server's chain.
 * @param {string} server
 * @param {string} host
 */
function verdictOf(server, host) {
  const { validatedChainFile, nextValidatedChainFile, chainFile } = testbed.host(server);
  const now = (rotated && nextValidatedChainFile) || validatedChainFile || chainFile;
  const file = readCertificates(readFileSync(now));
  if (!file.ok) throw new Error(file.error.message);
  const chain = file.certificates.map(({ der }) => Buffer.from(der, 'base64'));
  const verdict = evaluateDocument(JSON.stringify(configuration), host, chain);
  if ('problems' in verdict) throw new Error('the demo has a configuration with errors');
  return verdict;
}

table.title('Pins');
await attempt('nothing is pinned yet', 'allowed', 'leaf');
await pin('leaf', [testbed.pin('leaf'), NOBODY]);
await attempt("the server's own key is pinned", 'allowed', 'leaf');
await pin('intermediate', [testbed.pin('intermediate', 'intermediate'), NOBODY]);
await attempt("its issuer's key is pinned", 'allowed', 'intermediate');
await pin('root', [testbed.pin('root', 'root'), NOBODY]);
await attempt("the root's key is pinned", 'allowed', 'root');
await pin('leaf', [NOBODY]);
await attempt('a wrong pin', 'blocked', 'leaf');
await attempt('a host that is not pinned', 'allowed', 'p256');

table.title('Spellings of a host');
await attempt('trailing dot', 'blocked', 'leaf', { host: 'leaf.spki.test.' });
await attempt('upper case', 'blocked', 'leaf', { host: 'LEAF.spki.test' });
await attempt('a subdomain', 'allowed', 'leaf', { host: 'a.leaf.spki.test' });
await pin('leaf', [NOBODY], { includeSubdomains: true });
await attempt('a subdomain, with includeSubdomains', 'blocked', 'leaf', { host: 'a.leaf.spki.test' });

table.title('Deceit');
await pin('leaf', [testbed.pin('leaf'), testbed.pin('leaf', 'intermediate')]);
await attempt('a valid chain for the same name, another key', 'blocked', 'impostor');
await pin('appended', [testbed.pin('leaf', 'intermediate')]);
await attempt('the pinned certificate sent along, unrelated', 'blocked', 'appended');
await pin('root', [NOBODY]);
const elsewhere = `/redirect?to=${encodeURIComponent(testbed.url('root'))}`;
await attempt('a redirect to a host with a wrong pin', 'blocked', 'p384', {
  path: elsewhere,
  failing: 'root',
});

table.title('Rotation');
const { nextPin = '' } = testbed.host('rotating');
await pin('rotating', [testbed.pin('rotating'), nextPin]);
await attempt('before the key changes', 'allowed', 'rotating', { request: byHttps });
await testbed.control('POST', '/rotate?host=rotating&to=B');
rotated = true;
await attempt('new key, its backup pin is there', 'allowed', 'rotating', { request: byHttps });
await pin('rotating', [testbed.pin('rotating')]);
await attempt('new key, no backup pin', 'blocked', 'rotating', { request: byHttps });
await pin('rotating', [testbed.pin('rotating')], { expirationDate: YESTERDAY });
await attempt('the pins expired yesterday', 'allowed', 'rotating', { request: byHttps });
await pin('rotating', [NOBODY], { reportOnly: true });
const reportedBefore = reported;
await attempt('report-only', 'allowed', 'rotating', { request: byHttps });
await table.check(
  '... and the listener was told',
  async () => await eventually(() => reported > reportedBefore),
);

table.title('Connections that are there already');
await pin('http1', [testbed.pin('http1')]);
await attempt('a connection is opened', 'allowed', 'http1');
await pin('http1', [NOBODY]);
await attempt('re-initialised while it is open', 'blocked', 'http1');
await disableSslPinning();
configuration = {};
await attempt('disabled', 'allowed', 'http1');
await pin('tickets13', [testbed.pin('tickets13', 'intermediate')]);
await attempt('a TLS session begins', 'allowed', 'tickets13', { request: byHttps });
await attempt('it is resumed', 'allowed', 'tickets13', { request: byHttps });
await table.check('... really resumed, says the server', async () => resumed);
await pin('tickets13', [NOBODY]);
await attempt('re-initialised, the session is still there', 'blocked', 'tickets13', { request: byHttps });

table.title('Installed apps, after the key has changed');
const key = signingKey(generateKeyPairSync('ed25519').privateKey);
const backupKey = signingKey(generateKeyPairSync('ed25519').privateKey);
const thief = signingKey(generateKeyPairSync('ed25519').privateKey);
const { host: rotating } = testbed.host('rotating');
const server = `https://localhost:${testbed.host('leaf').port}`;
await testbed.control('POST', '/rotate?host=rotating&to=A');
rotated = false;
configuration = { [rotating]: { publicKeyHashes: [testbed.pin('rotating')] } };
await initializeSslPinning(/** @type {any} */ (configuration), {
  updates: { url: `${server}/published/pins.jwt`, publicKeys: [key.publicPem, backupKey.publicPem] },
  reportUris: [`${server}/report`],
});
await attempt('the app as it was shipped', 'allowed', 'rotating', { request: byHttps });
await testbed.control('POST', '/rotate?host=rotating&to=B');
rotated = true;
await attempt('the server has a new key', 'blocked', 'rotating', { request: byHttps });
await table.check('... which is reported', () => eventually(async () => (await reports()) > 0));
const rescue = manifest(2, [nextPin, NOBODY], key);
await testbed.publish('pins.jwt', rescue);
await table.check(
  'signed pins are published, and applied',
  async () => (await updateSslPinning()).version === 2,
);
configuration = { [rotating]: { publicKeyHashes: [nextPin] } };
await attempt('the same app, without a restart', 'allowed', 'rotating', { request: byHttps });
for (const [what, served, code] of /** @type {const} */ ([
  ['an older manifest', manifest(1, [NOBODY], key), 'manifest-rollback'],
  ['one signed by somebody else', manifest(3, [NOBODY], thief), 'manifest-signature'],
  ['one that is cut off', rescue.slice(0, -9), 'manifest-not-jws'],
  ['other claims under the signature', swapped(rescue, manifest(3, [NOBODY], thief)), 'manifest-signature'],
  ['another one of the same version', manifest(2, [NOBODY], key), 'manifest-version-reused'],
])) {
  await testbed.publish('pins.jwt', served);
  await table.check(`${what} is refused`, async () => {
    const error = await updateSslPinning().catch((reason) => reason);
    return error.code === code && (await eventually(() => warned.includes(code)));
  });
}
await attempt('... and what was in force still is', 'allowed', 'rotating', { request: byHttps });
await pin('tickets13', [NOBODY]);

table.title('Mistakes');
await table.check('a URL as a key is an error that says what to do', async () => {
  const url = testbed.url('leaf');
  const error = await initializeSslPinning({ [url]: { publicKeyHashes: [NOBODY] } }).catch(
    (reason) => reason,
  );
  return error instanceof SslPinningConfigError && error.problems[0]?.suggestion === 'use `leaf.spki.test`';
});
await attempt('... and what was in force still is', 'blocked', 'tickets13', { request: byHttps });

agent.destroy();
process.exitCode = table.end();

/** @param {() => boolean | Promise<boolean>} condition */
async function eventually(condition) {
  for (let waited = 0; waited < 200 && !(await condition()); waited += 1)
    await new Promise((resolve) => setTimeout(resolve, 10));
  return condition();
}

/** @returns {Promise<number>} what the collector has */
async function reports() {
  return (await testbed.control('GET', '/reports')).length;
}

/**
 * Pins for `rotating`, as `npx react-native-spki-pinning sign` signs them.
 * @param {number} version
 * @param {string[]} publicKeyHashes
 * @param {import('../../js/cli/signing-key.js').SigningKey} by
 */
function manifest(version, publicKeyHashes, by) {
  const iat = Math.floor(Date.now() / 1000);
  return signManifest({ iat, exp: iat + 86_400, version, domains: { [rotating]: { publicKeyHashes } } }, by);
}

/**
 * The claims of another manifest under the header and the signature of one.
 * @param {string} one
 * @param {string} other
 */
function swapped(one, other) {
  const [header, , signature] = one.split('.');
  return [header, other.split('.')[1], signature].join('.');
}
