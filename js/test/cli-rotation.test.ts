/** The lint for rotation in `check`: what will keep apps out later. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cli } from './cli-support.js';
import { startTestbed, WRONG_PIN } from './testbed.js';
import { Workspace } from './workspace.js';

const workspace = new Workspace();
const testbed = await startTestbed();

/** Pins of roots, as `openssl x509 -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64` has them. */
const ISRG_ROOT_X1 = 'C5+lpZ7tcVwmwQIMcRtPbsQtWLABXhQzejna0wHFr8M=';
const ISRG_ROOT_X2 = 'diGVwiVYbubAI3RW4hB9xU8e/CH2GnkuvVFZE8zmgzI=';
const DIGICERT_GLOBAL_ROOT_G2 = 'i7WTqTvh0OioIruIfFR4kMPnBqrS2rdiVPl/s2uC/CY=';

/** Severity, code and path of every problem. */
async function problems(domains: object, ...options: string[]): Promise<[string, string, string][]> {
  const { json } = await cli([
    'check',
    workspace.write('c.json', JSON.stringify(domains)),
    '--json',
    ...options,
  ]);
  return json.problems.map(({ severity, code, path }: Record<string, string>) => [severity, code, path]);
}

test('a root whose authority has a newer one is named, with the pin that is missing, unless that is there', async () => {
  const api = (...publicKeyHashes: string[]) => ({ 'api.example.com': { publicKeyHashes } });
  const at = ['--at', '2026-12-01'];
  assert.deepEqual(await problems(api(ISRG_ROOT_X1, WRONG_PIN), ...at), [
    ['warning', 'pinned-root-has-successor', '/api.example.com/publicKeyHashes'],
  ]);
  assert.deepEqual(await problems({ domains: api(ISRG_ROOT_X1, WRONG_PIN) }, ...at), [
    ['warning', 'pinned-root-has-successor', '/domains/api.example.com/publicKeyHashes'],
  ]);
  assert.deepEqual(await problems(api(ISRG_ROOT_X1, ISRG_ROOT_X2), ...at), []);
  assert.deepEqual(await problems(api(WRONG_PIN, testbed.pin('leaf')), ...at), []);
  const config = workspace.write('words.json', JSON.stringify(api(ISRG_ROOT_X1, WRONG_PIN)));
  const { stdout } = await cli(['check', config, ...at]);
  const words = stdout.replace(/\s+/g, ' ');
  assert.match(words, /is of the root ISRG Root X1; its authority has newer ones/);
  assert.match(words, /-> add the pin of /);
});

test('a root that ends within two years is named, and one that has ended', async () => {
  const config = { 'api.example.com': { publicKeyHashes: [DIGICERT_GLOBAL_ROOT_G2, WRONG_PIN] } };
  const codes = async (at: string) => (await problems(config, '--at', at)).map(([, code]) => code);
  assert.ok(!(await codes('2035-01-01')).includes('pinned-root-expiring'));
  assert.deepEqual(await codes('2037-01-01'), ['pinned-root-expiring']);
  assert.deepEqual(await codes('2039-01-01'), ['pinned-root-expired']);
});

test('a registered domain whose subdomains are pinned by nothing is named', async () => {
  const pins = { publicKeyHashes: [WRONG_PIN, testbed.pin('leaf')] };
  const codes = async (domains: object) => (await problems(domains)).map(([, code]) => code);
  assert.deepEqual(await problems({ 'Example.co.uk': pins }), [
    ['warning', 'subdomains-not-covered', '/Example.co.uk'],
  ]);
  for (const good of [
    { 'example.co.uk': { ...pins, includeSubdomains: true } },
    { 'example.co.uk': pins, 'www.example.co.uk': pins },
    { 'www.example.co.uk': pins },
    { localhost: pins },
    { '192.0.2.1': pins },
    { 'example.co.uk': { ...pins, expirationDate: '2020-01-01' } },
  ]) {
    assert.ok(!(await codes(good)).includes('subdomains-not-covered'), JSON.stringify(good));
  }
});

test('for CI warnings can be exit code 1', async () => {
  const config = workspace.write(
    'strict.json',
    JSON.stringify({ 'a.example.com': { publicKeyHashes: [WRONG_PIN] } }),
  );
  assert.equal((await cli(['check', config])).code, 0);
  const { code, json } = await cli(['check', config, '--strict', '--json']);
  assert.deepEqual([code, json.ok], [1, false]);
  assert.match((await cli(['check', config, '--strict'])).stdout, /1 warning/);
});

test('online, a server that has moved to its backup key is named, and a leaf that machines renew', async () => {
  const { host, port } = testbed.host('leaf');
  const config = (...publicKeyHashes: string[]) =>
    workspace.write('online.json', JSON.stringify({ [host]: { publicKeyHashes } }));
  const online = ['--online', '--connect', `127.0.0.1:${port}`, '--ca', testbed.document.caFile, '--json'];
  const codes = async (...pins: string[]) => {
    const { json } = await cli(['check', config(...pins), ...online]);
    return json.problems.map(({ code }: { code: string }) => code);
  };
  const [leaf, intermediate] = [testbed.pin('leaf'), testbed.pin('leaf', 'intermediate')];
  assert.deepEqual(await codes(intermediate, WRONG_PIN), []);
  assert.deepEqual(await codes(WRONG_PIN, intermediate), ['online-backup-in-use']);
  assert.deepEqual(await codes(leaf, intermediate), []);
  // The testbed's leaves live for less than a hundred days, as those of machines do.
  assert.deepEqual(await codes(leaf, WRONG_PIN), ['online-leaf-short-lived']);
  assert.deepEqual(await codes(WRONG_PIN, WRONG_PIN.replace('A', 'B')), ['online-no-pin-matched']);
});
