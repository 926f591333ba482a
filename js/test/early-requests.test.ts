/** What is said of requests that came before the pins: the first configuration of a process, which is this one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getSslPinningStatus } from '../node/index.js';
import { byFetch, byHttps, pin, testbed } from './node-support.js';
import { WRONG_PIN } from './testbed.js';

test('requests to a pinned host before the first configuration are warned of, with what to do', async () => {
  const warning = async () => {
    const { warnings } = await getSslPinningStatus();
    return warnings.find(({ code }) => code === 'requests-before-pins');
  };
  const [early, other, late] = (['http1', 'root', 'leaf'] as const).map((name) => testbed.host(name).host);
  await byFetch(testbed.url('http1'));
  await byHttps(testbed.url('root'));
  await assert.rejects(pin('https://no.host', WRONG_PIN));
  await pin(early ?? '', WRONG_PIN, testbed.pin('http1'));
  const { message = '', suggestion } = (await warning()) ?? {};
  assert.ok(message.endsWith(` to ${early}`), message);
  assert.ok(!message.includes(other ?? ''), 'a host that is not pinned is nothing to tell');
  assert.match(suggestion ?? '', /embed the configuration.*or await initializeSslPinning before the first/);

  await byFetch(testbed.url('leaf'));
  await pin(late ?? '', WRONG_PIN);
  assert.equal(await warning(), undefined, 'it had been configured by then');
});
