import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadAddon } from '../node/addon.js';

/** The whole run is a million: `STRESS_FAILURES=1000000`. */
const FAILURES = Number(process.env.STRESS_FAILURES ?? 3000);
const MIB = 1024 * 1024;

const file = new URL('../../tests/vectors/certificates.json', import.meta.url);
const { certificates } = JSON.parse(readFileSync(file, 'utf8'));
const chain = ['leaf', 'intermediate', 'root'].map((name) => Buffer.from(certificates[name].der, 'base64'));

function engine() {
  const addon = loadAddon();
  assert.ok(addon.ok);
  const made = new addon.addon.NativeEngine();
  const publicKeyHashes = [certificates['other-leaf'].pin, certificates['other-root'].pin];
  const document = { 'a.test': { publicKeyHashes, includeSubdomains: true } };
  assert.equal(JSON.parse(made.initialize(JSON.stringify(document))).ok, true);
  return made;
}

/** A number that does not grow any more. */
async function settledAt(count: () => number): Promise<number> {
  for (;;) {
    const before = count();
    await sleep(500);
    if (count() === before) return before;
  }
}

test('a flood of failures takes no memory without end while JavaScript is busy, and is over when it is not', async () => {
  const flooded = engine();
  let heard = 0;
  flooded.setEventSink(() => {
    heard += 1;
  });
  let settled = 0;
  for (let number = 0; number < FAILURES; number++) {
    if (number === 1500) settled = process.memoryUsage().rss; // more than can wait
    const answer = flooded.checkConnection([`h${number}.a.test`], chain, true, 'flood');
    assert.equal(JSON.parse(answer).verdict, 'blocked');
  }
  const grown = process.memoryUsage().rss - settled;
  assert.equal(heard, 0, 'the event loop had no turn');
  assert.equal(await settledAt(() => heard), 1000, 'those that could wait');
  flooded.checkConnection(['a.test'], chain, true, 'flood');
  assert.equal(await settledAt(() => heard), 1001);
  const { counters, recentEvents } = JSON.parse(flooded.status());
  assert.deepEqual([counters.blocked, recentEvents.length], [FAILURES + 1, 32]);
  console.log(`${FAILURES} failures: ${Math.round(grown / 1024)} kB grown`);
  assert.ok(grown < 48 * MIB, `${grown} bytes`); // what the collector has not come to
});
