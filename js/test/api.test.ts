/** The API over the real engine: what JavaScript may hold and JSON cannot, events, errors. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PinningOptions } from '../node/index.js';
import * as pinning from '../node/index.js';
import { WRONG_PIN } from './testbed.js';
import { moment, until } from './waiting.js';

const OTHER_PIN = 'r/mIkG3eEpVdm+u/ko/cwxzOMo1bk4TyHIlByibiA5E=';
const GOOD = { 'example.com': { publicKeyHashes: [WRONG_PIN, OTHER_PIN] } };

async function problemsOf(options: unknown, settings?: unknown): Promise<string[]> {
  const error = await pinning.initializeSslPinning(options as PinningOptions, settings as undefined).then(
    () => assert.fail('the configuration was taken'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof pinning.SslPinningConfigError, String(error));
  assert.equal(error.code, 'E_SSL_PINNING_CONFIG');
  return error.problems.map(({ path, code }) => `${path} ${code}`.trim());
}

async function pinned(): Promise<string[]> {
  return (await pinning.getSslPinningStatus()).domains.map(({ domain }) => domain);
}

test('it is available, and every function is there under its name', () => {
  assert.equal(pinning.isSslPinningAvailable(), true);
});

test('initialising resolves to nothing and replaces what was pinned', async () => {
  assert.equal(await pinning.initializeSslPinning(GOOD), undefined);
  assert.deepEqual(await pinned(), ['example.com']);
  await pinning.initializeSslPinning({ 'a.test': GOOD['example.com'], 'b.test': GOOD['example.com'] });
  assert.deepEqual(await pinned(), ['a.test', 'b.test']);
  await pinning.initializeSslPinning({});
  assert.deepEqual(await pinned(), []);
  await pinning.initializeSslPinning(GOOD);
  await pinning.disableSslPinning();
  assert.equal((await pinning.getSslPinningStatus()).active, false);
});

test('the content of a configuration file is taken as it is', async () => {
  await pinning.initializeSslPinning(
    JSON.parse(JSON.stringify({ domains: GOOD, settings: { requireBackupPin: true } })),
  );
  assert.deepEqual(await pinned(), ['example.com']);
});

test('settings hold for every domain', async () => {
  const single = { 'example.com': { publicKeyHashes: [WRONG_PIN] } };
  await pinning.initializeSslPinning(single, {});
  await pinning.initializeSslPinning(single, { requireBackupPin: false });
  assert.deepEqual(await problemsOf(single, { requireBackupPin: true }), [
    '/domains/example.com/publicKeyHashes no-backup-pin',
  ]);
});

test('a refused configuration leaves what was in force and says everything at once', async () => {
  await pinning.initializeSslPinning(GOOD);
  const bad = { 'https://a.test': { publicKeyHashes: ['x'], includeSubdomain: true }, 'b.test': {} };
  assert.deepEqual(await problemsOf(bad), [
    '/https:~1~1a.test domain-is-url',
    '/https:~1~1a.test/publicKeyHashes/0 pin-not-base64',
    '/https:~1~1a.test/includeSubdomain unknown-option',
    '/b.test pins-missing',
  ]);
  assert.deepEqual(await pinned(), ['example.com']);
  await assert.rejects(pinning.initializeSslPinning(bad as unknown as PinningOptions), (error: Error) => {
    assert.match(error.message, /^The SSL pinning configuration is not valid, so nothing was changed\.\n/);
    assert.match(error.message, /https:~1~1a\.test: .* is a URL.*: use `a\.test`\n/);
    assert.match(error.message, /did you mean `includeSubdomains`\?/);
    return true;
  });
});

test('nothing that JavaScript holds is lost on the way to the engine', async () => {
  await pinning.initializeSslPinning(GOOD);
  class Options {
    'example.com' = GOOD['example.com'];
  }
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  const cases: [unknown, string[]][] = [
    [undefined, ['not-an-object']],
    [null, ['not-an-object']],
    [() => {}, ['not-an-object']],
    ['example.com', ['not-an-object']],
    [[GOOD], ['not-an-object']],
    [new Map(Object.entries(GOOD)), ['not-an-object']],
    [new Options(), ['not-an-object']],
    [{ 'example.com': undefined }, ['/example.com wrong-type']],
    [{ 'example.com': () => GOOD }, ['/example.com wrong-type']],
    [{ domains: { 'example.com': undefined } }, ['/domains/example.com wrong-type']],
    [{ domains: undefined }, ['/domains wrong-type']],
    [{ 'example.com': { publicKeyHashes: undefined } }, ['/example.com pins-missing']],
    [
      { 'example.com': { publicKeyHashes: [undefined, WRONG_PIN] } },
      ['/example.com/publicKeyHashes/0 pin-wrong-type'],
    ],
    [
      { 'example.com': { publicKeyHashes: new Set([WRONG_PIN]) } },
      ['/example.com/publicKeyHashes wrong-type'],
    ],
    [
      { 'example.com': { ...GOOD['example.com'], includeSubdomains: () => true } },
      ['/example.com/includeSubdomains wrong-type'],
    ],
    [
      { 'example.com': { ...GOOD['example.com'], reportOnly: Symbol('false') } },
      ['/example.com/reportOnly wrong-type'],
    ],
    [circular, ['not-an-object']],
    [{ 'example.com': { publicKeyHashes: [1n] } }, ['not-an-object']],
  ];
  for (const [options, expected] of cases)
    assert.deepEqual(await problemsOf(options), expected, String(expected));
  assert.deepEqual(await problemsOf(GOOD, new Map()), ['not-an-object']);
  for (const settings of [null, () => {}, Symbol('settings')])
    assert.deepEqual(await problemsOf(GOOD, settings), ['/settings wrong-type']);
  assert.deepEqual(await problemsOf(GOOD, { requireBackupPin: () => true }), [
    '/settings/requireBackupPin wrong-type',
  ]);
  assert.deepEqual(await pinned(), ['example.com'], 'and what was in force stays');
});

test('options that are undefined are as good as absent', async () => {
  const options = { ...GOOD['example.com'], includeSubdomains: undefined, expirationDate: undefined };
  await pinning.initializeSslPinning({ 'example.com': options } as unknown as PinningOptions);
  assert.deepEqual(await pinned(), ['example.com']);
});

test('a listener that is no function is refused at once, not when there is something to tell', () => {
  assert.throws(() => pinning.addSslPinningErrorListener(undefined as unknown as () => void), TypeError);
});

/** Something that tells an event, `pins-expiring`: they do in less than 30 days. */
async function warn(): Promise<void> {
  const expirationDate = new Date(Date.now() + 5 * 86_400_000).toISOString().slice(0, 10);
  await pinning.initializeSslPinning({ 'example.com': { ...GOOD['example.com'], expirationDate } });
}

/** The first listener: what happened before a test is told to somebody else. */
async function hearEverything(): Promise<void> {
  const { recentEvents } = await pinning.getSslPinningStatus();
  const heard: unknown[] = [];
  const subscription = pinning.addSslPinningErrorListener((event) => heard.push(event));
  await until(() => heard.length === recentEvents.length, heard);
  subscription.remove();
}

test('each listener is told once, until it is removed', async () => {
  await hearEverything();
  const told: string[] = [];
  const listen = (name: string) =>
    pinning.addSslPinningErrorListener(({ reason }) => told.push(`${name} ${reason}`));
  const [first, second] = [listen('first'), listen('second')];
  await warn();
  await until(() => told.length > 1, told);
  assert.deepEqual(told.splice(0), ['first pins-expiring', 'second pins-expiring']);
  first.remove();
  first.remove();
  await warn();
  await until(() => told.length > 0);
  await moment();
  assert.deepEqual(told.splice(0), ['second pins-expiring']);
  second.remove();
  await warn();
  await moment();
  assert.deepEqual(told, []);
  const third = listen('third');
  await until(() => told.length > 0);
  await moment();
  assert.deepEqual(told, ['third pins-expiring'], 'what nobody heard is told to the next one');
  third.remove();
});

test('a listener that goes and comes back at once, as in React strict mode, misses nothing', async () => {
  await warn();
  const told: string[] = [];
  const listen = () => pinning.addSslPinningErrorListener(({ reason }) => told.push(reason));
  listen().remove();
  const subscription = listen();
  await until(() => told.length > 0);
  await moment();
  assert.deepEqual(told, ['pins-expiring']);
  subscription.remove();
});

test("one listener's mistake is seen, and keeps nothing from the others", async () => {
  const told: string[] = [];
  const runner = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  const thrown = new Promise((resolve) => process.once('uncaughtException', resolve));
  const subscriptions = [
    pinning.addSslPinningErrorListener(() => {
      throw new Error('a mistake of the app');
    }),
    pinning.addSslPinningErrorListener(({ serverHostname }) => told.push(serverHostname)),
  ];
  await warn();
  await until(() => told.length > 0);
  assert.equal(String(await thrown), 'Error: a mistake of the app');
  for (const listener of runner) process.on('uncaughtException', listener);
  assert.deepEqual(told, ['example.com']);
  for (const subscription of subscriptions) subscription.remove();
});
