/** Signed pins, reports and verification through the public API, in a process of its own for each: as an application has them. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { PinningEvent, PinningSettings } from '../src/types.js';
import { reach, startTestbed, WRONG_PIN } from './testbed.js';
import { until } from './waiting.js';

const testbed = await startTestbed();
const folder = mkdtempSync(join(tmpdir(), 'spki-updates-'));
after(() => rmSync(folder, { recursive: true, force: true }));

// Before the import: the library reads them once.
process.env.NODE_EXTRA_CA_CERTS = testbed.document.caFile;
process.env.SPKI_PINNING_FOLDER = folder;
const {
  addSslPinningErrorListener,
  addSslPinningEventListener,
  getSslPinningStatus,
  initializeSslPinning,
  SslPinningUpdateError,
  updateSslPinning,
  verifySslPinning,
} = await import('../node/index.js');

const signer = generateKeyPairSync('ed25519');
const backup = generateKeyPairSync('ed25519');
const pem = ({ publicKey }: { publicKey: KeyObject }) =>
  publicKey.export({ type: 'spki', format: 'pem' }).toString();

const host = testbed.host('rotating');
const { nextPin = '' } = host;
const settings: PinningSettings = {
  reportUris: [`https://localhost:${testbed.host('leaf').port}/report`],
  updates: {
    url: `https://localhost:${testbed.host('leaf').port}/published/pins.jwt`,
    publicKeys: [pem(signer), pem(backup)],
  },
};
const events: PinningEvent[] = [];
const errors: PinningEvent[] = [];

before(() => {
  reach(testbed);
  addSslPinningEventListener((event) => events.push(event));
  addSslPinningErrorListener((event) => errors.push(event));
});

async function byFetch(url: string): Promise<number> {
  const response = await fetch(url);
  await response.text();
  return response.status;
}

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

async function publish(version: number, pins: string[], more = {}): Promise<void> {
  const iat = Math.floor(Date.now() / 1000);
  const domains = { [host.host]: { publicKeyHashes: pins } };
  const claims = { iat, exp: iat + 86_400 * 14, version, domains, ...more };
  const signed = `${encode({ alg: 'EdDSA', typ: 'pins+jwt' })}.${encode(claims)}`;
  const signature = sign(null, Buffer.from(signed), signer.privateKey).toString('base64url');
  await testbed.publish('pins.jwt', `${signed}.${signature}`);
}

const version = async () => (await getSslPinningStatus()).updates?.version ?? null;

test('an app that a rotated key has locked out recovers without a restart, and the failure is reported', async () => {
  await publish(1, [testbed.pin('rotating'), WRONG_PIN]);
  await initializeSslPinning(
    { [host.host]: { publicKeyHashes: [testbed.pin('rotating'), WRONG_PIN] } },
    settings,
  );
  await until(async () => (await version()) === 1, events);
  assert.equal(await byFetch(testbed.url('rotating')), 200);

  await testbed.control('POST', '/rotate?host=rotating&to=B');
  await publish(2, [nextPin, WRONG_PIN]);
  reach(testbed); // without the connection from before
  await assert.rejects(byFetch(testbed.url('rotating')));
  await until(async () => (await version()) === 2, events);
  assert.equal(await byFetch(testbed.url('rotating')), 200);

  await until(async () => (await testbed.control('GET', '/reports')).length > 0);
  const [report] = await testbed.control('GET', '/reports');
  assert.equal(report.hostname, host.host);
  assert.equal(report['app-platform'], 'node');

  const told = events.map(({ kind, reason }) => `${kind} ${reason}`);
  assert.deepEqual(
    told.filter((text) => text === 'info update-applied'),
    ['info update-applied', 'info update-applied'],
  );
  assert.ok(errors.every(({ kind }) => kind !== 'info'));
  const [domain] = (await getSslPinningStatus()).domains;
  assert.deepEqual([domain?.source, domain?.pins], ['update', [nextPin, WRONG_PIN]]);
});

test('a connection that was open is cut when its pins are taken away from afar', async () => {
  await byFetch(testbed.url('rotating'));
  await publish(3, [WRONG_PIN, testbed.pin('leaf')]);
  assert.deepEqual(await updateSslPinning(), { outcome: 'applied', version: 3 });
  await assert.rejects(byFetch(testbed.url('rotating')));
  await publish(4, [nextPin, WRONG_PIN]);
  assert.deepEqual(await updateSslPinning(), { outcome: 'applied', version: 4 });
  assert.deepEqual(await updateSslPinning(), { outcome: 'up-to-date', version: 4 });
  assert.equal(await byFetch(testbed.url('rotating')), 200);
});

test('what is refused rejects with its code, and changes nothing', async () => {
  await publish(2, [WRONG_PIN]);
  await assert.rejects(updateSslPinning(), (error) => {
    assert.ok(error instanceof SslPinningUpdateError);
    assert.equal(error.code, 'manifest-rollback');
    return true;
  });
  const { updates } = await getSslPinningStatus();
  assert.deepEqual([updates?.version, updates?.error?.code], [4, 'manifest-rollback']);
  await until(() => errors.some(({ kind, reason }) => kind === 'warning' && reason === 'manifest-rollback'));
  assert.equal(await byFetch(testbed.url('rotating')), 200);
});

test('a host is verified by a handshake and through every stack, and a stack that goes by the pins is named', async () => {
  const leaf = testbed.host('leaf');
  const good = { localhost: { publicKeyHashes: [testbed.pin('leaf'), WRONG_PIN] } };
  await initializeSslPinning(good, settings);
  const verified = await verifySslPinning('localhost', { port: leaf.port });
  assert.ok(verified.ok, verified.message);
  assert.deepEqual(
    verified.stacks.map(({ stack, state, verdict, reason }) => [stack, state, verdict, reason]),
    [
      ['fetch', 'checked', 'allowed', 'pin-matched'],
      ['https', 'checked', 'allowed', 'pin-matched'],
    ],
  );
  assert.deepEqual(verified.handshake.verdict?.servedPins, [
    leaf.pins.leaf,
    leaf.pins.intermediate,
    leaf.pins.root,
  ]);

  const bypass = await verifySslPinning('localhost', {
    port: leaf.port,
    requests: {
      inspector: async () => 'an answer from elsewhere',
      broken: () => Promise.reject(new Error('no')),
    },
  });
  assert.equal(bypass.ok, false);
  assert.deepEqual(
    bypass.stacks.slice(2).map(({ state }) => state),
    ['not-checked', 'unreachable'],
  );
  assert.match(bypass.message, /inspector: NOT CHECKED\./);

  await initializeSslPinning({ localhost: { publicKeyHashes: [WRONG_PIN, nextPin] } }, settings);
  const wrong = await verifySslPinning('localhost', { port: leaf.port });
  assert.equal(wrong.ok, false);
  assert.deepEqual(
    wrong.stacks.map(({ verdict }) => verdict),
    ['blocked', 'blocked'],
  );
  assert.match(wrong.message, /localhost shows none of the pins \(no-pin-matched\)/);

  await initializeSslPinning({}, settings);
  assert.match((await verifySslPinning('localhost', { port: leaf.port })).message, /is not pinned/);
  assert.match((await verifySslPinning('nowhere.invalid')).message, /could not be verified/);
});

test('an open connection is judged by the pins of the app once signed ones have ended', async () => {
  reach(testbed); // without connections from before
  const end = Math.floor(Date.now() / 1000) + 5;
  await publish(1000, [nextPin, WRONG_PIN], { exp: end });
  await initializeSslPinning({ [host.host]: { publicKeyHashes: [WRONG_PIN] } }, settings);
  await updateSslPinning();
  const accepted = async () => (await testbed.control('GET', '/connections?host=rotating')).accepted;
  assert.equal(await byFetch(testbed.url('rotating')), 200);
  const before = await accepted();
  // Used all the time, so that the client does not close it.
  while (Date.now() < end * 1000 - 500)
    assert.equal(await byFetch(testbed.url('rotating', '/slow?ms=200')), 200);
  await until(() => Date.now() >= end * 1000);
  await assert.rejects(byFetch(testbed.url('rotating')));
  assert.equal(await accepted(), before, 'a premise: it would have taken the open connection');
});
