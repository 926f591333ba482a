/** What is said of pins that were in force and, by a later `initializeSslPinning`, no longer are. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import {
  disableSslPinning,
  getSslPinningError,
  getSslPinningStatus,
  initializeSslPinning,
  type PinningOptions,
} from '../node/index.js';
import { byFetch, eventsOf, pin, pinHost, refusedBecause, testbed, unpinned } from './node-support.js';
import { WRONG_PIN } from './testbed.js';

const { host } = testbed.host('leaf');
const url = testbed.url('leaf');
const pins = { publicKeyHashes: [WRONG_PIN, testbed.pin('leaf')] };

beforeEach(unpinned);

/** Code and message of the warning about the configuration in force. */
async function warning(): Promise<string | undefined> {
  const { warnings } = await getSslPinningStatus();
  const found = warnings.find(({ code }) => code === 'pins-dropped');
  return found && `${found.message}: ${found.suggestion}`;
}

test('a configuration that turns out empty pins nothing, as ever, and says whose pins that has ended', async () => {
  const start = Date.now();
  await pinHost('leaf', WRONG_PIN);
  assert.equal(await refusedBecause(byFetch(url)), 'no-pin-matched');

  // What a remote configuration that failed may come to. Nobody listens yet.
  await initializeSslPinning({});
  const answer = await byFetch(url);
  assert.equal(answer.status, 200, 'as the contract says');
  const events = await eventsOf(2, async () => {});

  const [refused, dropped] = events.filter(({ timestamp }) => timestamp >= start);
  assert.equal(refused?.reason, 'no-pin-matched');
  assert.ok(dropped);
  const { kind, reason, enforced, serverHostname, stack, message } = dropped;
  assert.deepEqual(
    { kind, reason, enforced, serverHostname, stack },
    { kind: 'warning', reason: 'pins-dropped', enforced: false, serverHostname: '', stack: '' },
  );
  assert.equal(message, await warning());
  assert.ok(message.includes(` the pins of ${host}, which were in force`), message);
  assert.match(message, /call disableSslPinning\(\) if that is meant$/);
  assert.equal((await getSslPinningError(null, start))?.reason, 'no-pin-matched', 'no request failed by it');
});

test('one event says it of all domains, and the same configuration again says nothing', async () => {
  const all: PinningOptions = { [host]: pins, 'a.test': pins, 'b.test': pins };
  await initializeSslPinning(all);
  const left: PinningOptions = { [host]: pins, 'b.test': { ...pins, reportOnly: true } };
  const events = await eventsOf(1, async () => {
    await initializeSslPinning(all);
    await initializeSslPinning(left);
    await initializeSslPinning(left);
  });
  const [{ message, reason } = { message: '', reason: '' }, ...more] = events;
  assert.deepEqual([reason, more], ['pins-dropped', []]);
  assert.ok(message.includes(' the pins of a.test, b.test (report-only now), which'), message);
  assert.ok(!message.includes(host));
  assert.equal(await warning(), undefined, 'it is said of the configuration that has done it');
});

test('who calls disableSslPinning, initialises anew or is refused hears nothing', async () => {
  const [child, parent] = [host, host.slice(host.indexOf('.') + 1)];
  const events = await eventsOf(1, async () => {
    await pin(child, WRONG_PIN);
    await disableSslPinning();
    await initializeSslPinning({});
    await pin(child, WRONG_PIN);
    await pin(child, testbed.pin('leaf'));
    await assert.rejects(pin('https://no.host', WRONG_PIN));
    await pin(parent, WRONG_PIN);
    assert.equal(await refusedBecause(byFetch(url)), 'no-pin-matched', 'its parent governs it');
    await disableSslPinning();
  });
  assert.deepEqual([...new Set(events.map(({ reason }) => reason))], ['no-pin-matched']);
});
