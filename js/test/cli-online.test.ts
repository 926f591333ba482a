import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cli } from './cli-support.js';
import { startTestbed, WRONG_PIN } from './testbed.js';
import { Workspace } from './workspace.js';

const workspace = new Workspace();
const testbed = await startTestbed();

/** `check --online` of a configuration, at the address of one server of the testbed. */
function check(server: string, domains: object, ...more: string[]) {
  const config = workspace.write('online.json', JSON.stringify(domains));
  const at = `127.0.0.1:${testbed.host(server).port}`;
  return cli(['check', config, '--online', '--connect', at, '--ca', testbed.document.caFile, ...more]);
}

const { leaf, intermediate } = testbed.host('leaf').pins;

test('a server that shows a pinned key is good', async () => {
  const domains = { 'LEAF.spki.test': { publicKeyHashes: [intermediate, WRONG_PIN] } };
  const [human, json] = await Promise.all([check('leaf', domains), check('leaf', domains, '--json')]);
  assert.equal(human.code, 0);
  assert.match(human.stdout, /^ {2}allowed +leaf\.spki\.test \(pin-matched, intermediate\)\n\n/);
  assert.match(human.stdout, /online\.json: ok, no problems, 1 domain pinned\n$/);
  const [asked] = json.json.online;
  assert.deepEqual(
    [
      json.code,
      json.json.ok,
      json.json.problems,
      asked.domain,
      asked.verdict.reason,
      asked.verdict.matchedPin,
    ],
    [0, true, [], 'leaf.spki.test', 'pin-matched', intermediate],
  );
});

test('a server that shows no pinned key is an error at its domain, with the pin it shows', async () => {
  const pins = { publicKeyHashes: [WRONG_PIN, intermediate?.replace(/^./, (c) => (c === 'A' ? 'B' : 'A'))] };
  const domains = { 'LEAF.spki.test': pins };
  for (const [document, path] of [
    [domains, '/LEAF.spki.test'],
    [{ domains }, '/domains/LEAF.spki.test'],
  ] as const) {
    const { code, json } = await check('leaf', document, '--json');
    assert.deepEqual([code, json.ok, json.problems.length], [1, false, 1]);
    const [problem] = json.problems;
    assert.deepEqual(
      [problem.severity, problem.code, problem.path],
      ['error', 'online-no-pin-matched', path],
    );
    assert.ok(problem.suggestion.includes(leaf), problem.suggestion);
  }
  const human = await check('leaf', domains);
  assert.equal(human.code, 1);
  assert.match(human.stdout, /^ {2}blocked +leaf\.spki\.test \(no-pin-matched\)$/m);
  assert.match(human.stdout, /1 error: an app would not reach every server\n$/);
});

test('report-only domains that fail are a warning', async () => {
  const options = { publicKeyHashes: [WRONG_PIN, leaf?.replace(/^./, '/')], reportOnly: true };
  const { code, json } = await check('leaf', { 'leaf.spki.test': options }, '--json');
  assert.deepEqual([code, json.ok, json.problems[0].severity], [0, true, 'warning']);
});

test('a server with an invalid chain is an error even where it need not be there', async () => {
  for (const includeSubdomains of [false, true]) {
    const options = { publicKeyHashes: [leaf, WRONG_PIN], includeSubdomains };
    const { code, json } = await check('expired', { 'expired.spki.test': options }, '--json');
    assert.deepEqual(
      [code, json.problems[0].code, json.online[0].verdict],
      [1, 'online-certificate-expired', null],
    );
  }
});

test('a server that does not answer is an error, or a warning for a domain with subdomains', async () => {
  const options = { publicKeyHashes: [leaf, WRONG_PIN] };
  const config = workspace.write(
    'refused.json',
    JSON.stringify({ 'api.a.test': options, 'api.b.test': { ...options, includeSubdomains: true } }),
  );
  const run = await cli(['check', config, '--online', '--connect', '127.0.0.1:1', '--json']);
  assert.equal(run.code, 1);
  assert.deepEqual(
    run.json.problems.map(({ path, severity, code }: Record<string, string>) => [path, severity, code]),
    [
      ['/api.a.test', 'error', 'online-refused'],
      ['/api.b.test', 'warning', 'online-refused'],
    ],
  );
});

test('expired domains are not asked for, and a configuration with errors is not asked for at all', async () => {
  const expired = { publicKeyHashes: [leaf, WRONG_PIN], expirationDate: '2020-01-01' };
  const { code, json } = await check('leaf', { 'leaf.spki.test': expired }, '--json');
  assert.deepEqual([code, json.online], [0, []]);
  const broken = await check('leaf', { 'leaf.spki.test': {} }, '--json');
  assert.deepEqual([broken.code, broken.json.online], [1, undefined]);
});
