/** The mock for Jest, apart from Jest: the same API, judged by the engine, driven by a test. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { AcceptingEngine } from '../jest/accepting-engine.js';
import * as mock from '../jest/index.js';
import { MockNative } from '../jest/mock-native.js';
import { WRONG_PIN } from './testbed.js';

const OTHER_PIN = 'r/mIkG3eEpVdm+u/ko/cwxzOMo1bk4TyHIlByibiA5E=';
const GOOD = { 'example.com': { publicKeyHashes: [WRONG_PIN, OTHER_PIN] } };

beforeEach(() => mock.resetSslPinningMock());

test('a configuration is refused as on a device', async () => {
  await mock.initializeSslPinning(GOOD);
  await assert.rejects(mock.initializeSslPinning({ 'https://a.test': { publicKeyHashes: [] } }), (error) => {
    assert.ok(error instanceof mock.SslPinningConfigError);
    assert.deepEqual(
      error.problems.map(({ code }) => code),
      ['domain-is-url', 'pins-empty'],
    );
    return true;
  });
  assert.deepEqual(
    mock.getSslPinningConfiguration(),
    { domains: GOOD, settings: {} },
    'and the old one stays',
  );
});

test('a test sees what the app has pinned', async () => {
  assert.equal(mock.getSslPinningConfiguration(), null);
  await mock.initializeSslPinning(GOOD, { requireBackupPin: true });
  const expected = { domains: GOOD, settings: { requireBackupPin: true } };
  assert.deepEqual(mock.getSslPinningConfiguration(), expected);
  const { active, domains } = await mock.getSslPinningStatus();
  assert.deepEqual([active, domains.map(({ domain }) => domain)], [true, ['example.com']]);
  await mock.initializeSslPinning(JSON.parse(JSON.stringify(expected)));
  assert.deepEqual(mock.getSslPinningConfiguration(), expected, 'the content of a file');
  await mock.disableSslPinning();
  assert.equal(mock.getSslPinningConfiguration(), null);
  assert.equal((await mock.getSslPinningStatus()).active, false);
});

test('a failure that a test makes is told to listeners at once, and found by its URL', async () => {
  const told: unknown[] = [];
  const subscription = mock.addSslPinningErrorListener((event) => told.push(event));
  const event = mock.emitSslPinningError({ serverHostname: 'example.com' });
  assert.deepEqual(told, [event]);
  assert.deepEqual([event.kind, event.reason, event.enforced], ['failure', 'no-pin-matched', true]);
  assert.deepEqual(await mock.getSslPinningError('https://example.com/path'), event);
  assert.equal(await mock.getSslPinningError('https://example.org/'), null);
  subscription.remove();
  mock.emitSslPinningError({ serverHostname: 'example.com' });
  assert.equal(told.length, 1);
});

test('an IPv6 address is one host with and without its brackets', async () => {
  for (const serverHostname of ['::1', '[::1]']) {
    mock.resetSslPinningMock();
    const event = mock.emitSslPinningError({ serverHostname });
    assert.deepEqual(await mock.getSslPinningError('https://[::1]:8443/'), event);
  }
});

test('an event may be any other', () => {
  const warning = { kind: 'warning', reason: 'pins-expiring', enforced: false, timestamp: 1 } as const;
  const event = mock.emitSslPinningError({ serverHostname: 'example.com', ...warning });
  assert.deepEqual(event, { ...event, ...warning });
});

test('what happened before the first listener is told to it, but not while it is being added', async () => {
  mock.emitSslPinningError({ serverHostname: 'a.test' });
  mock.emitSslPinningError({ serverHostname: 'b.test' });
  const told: string[] = [];
  const subscription = mock.addSslPinningErrorListener(({ serverHostname }) => told.push(serverHostname));
  assert.deepEqual(told, []);
  await Promise.resolve();
  assert.deepEqual(told, ['a.test', 'b.test']);
  subscription.remove();
});

test('an app without the native part can be had', async () => {
  mock.setSslPinningAvailable(false);
  assert.equal(mock.isSslPinningAvailable(), false);
  await assert.rejects(mock.initializeSslPinning(GOOD), mock.SslPinningUnavailableError);
  mock.setSslPinningAvailable(true);
  assert.equal(mock.isSslPinningAvailable(), true);
  await mock.initializeSslPinning(GOOD);
});

test('after a reset nothing is left, and who listens hears on', async () => {
  const told: string[] = [];
  const subscription = mock.addSslPinningErrorListener(({ serverHostname }) => told.push(serverHostname));
  await mock.initializeSslPinning(GOOD);
  mock.emitSslPinningError({ serverHostname: 'a.test' });
  mock.resetSslPinningMock();
  const { active, generation, recentEvents } = await mock.getSslPinningStatus();
  assert.deepEqual([active, generation, recentEvents], [false, 0, []]);
  mock.emitSslPinningError({ serverHostname: 'b.test' });
  assert.deepEqual(told, ['a.test', 'b.test']);
  subscription.remove();
});

test('every function can be spied on', () => {
  for (const [name, value] of Object.entries(mock)) assert.equal(typeof value, 'function', name);
});

test('without an engine every configuration is taken, and that is said', async () => {
  const warned: string[] = [];
  const native = new MockNative(() => new AcceptingEngine(() => warned.push('nothing is judged')));
  const document = JSON.stringify({ 'https://a.test': { publicKeyHashes: ['x'] } });
  assert.deepEqual(warned, []);
  assert.deepEqual(JSON.parse(await native.initialize(document)), { ok: true, generation: 1, warnings: [] });
  assert.deepEqual(warned, ['nothing is judged']);
  const status = JSON.parse(await native.getStatus());
  assert.deepEqual(Object.keys(status).sort(), Object.keys(await mock.getSslPinningStatus()).sort());
  const [domain] = status.domains;
  assert.deepEqual([domain.domain, domain.pins, domain.state], ['https://a.test', ['x'], 'enforced']);
  await mock.initializeSslPinning(GOOD);
  const [real] = (await mock.getSslPinningStatus()).domains;
  assert.deepEqual(Object.keys(domain).sort(), Object.keys(real ?? {}).sort());
  await native.disable();
  assert.equal(JSON.parse(await native.getStatus()).active, false);
});

test('the set-up file mocks the package by its name', async () => {
  const mocked: string[] = [];
  Object.assign(globalThis, { jest: { mock: (name: string) => mocked.push(name) } });
  await import('../jest/setup.js');
  assert.deepEqual(mocked, ['react-native-spki-pinning']);
});
