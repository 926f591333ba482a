import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cli } from './cli-support.js';
import { Workspace } from './workspace.js';

const workspace = new Workspace();
const PIN = 'j11z8DhQQA9fdFgx0zaqmF6yxgVf3Mf6MCgqiXKfF3E=';
const OTHER = '/nEvpKOtI9zwouNc1f7IIHKloeuF0mIt+GkKg0P33pw=';
const GOOD = { 'example.com': { includeSubdomains: true, publicKeyHashes: [PIN, OTHER] } };

function config(name: string, content: unknown): string {
  return workspace.write(name, typeof content === 'string' ? content : JSON.stringify(content));
}

test('a good configuration is exit code 0, in both forms', async () => {
  for (const content of [GOOD, { domains: GOOD, settings: { requireBackupPin: true } }]) {
    const path = config('good.json', content);
    const [human, json] = await Promise.all([cli(['check', path]), cli(['check', path, '--json'])]);
    assert.equal(human.code, 0);
    assert.match(human.stdout, /good\.json: ok, no problems, 1 domain pinned\n$/);
    assert.deepEqual([json.code, json.json], [0, { ok: true, problems: [] }]);
  }
});

test('a configuration that pins nothing says so', async () => {
  const { code, stdout } = await cli(['check', config('empty.json', '{}')]);
  assert.equal(code, 0);
  assert.match(stdout, /it pins nothing/);
});

test('every error is listed with its path, code and suggestion, and is exit code 1', async () => {
  const path = config('bad.json', {
    domains: { 'https://api.example.com': { includeSubdomain: true, publicKeyHashes: [] } },
  });
  const [human, json] = await Promise.all([
    cli(['check', path]),
    cli(['--json', path].toSpliced(0, 0, 'check')),
  ]);
  assert.deepEqual([human.code, json.code, json.json.ok], [1, 1, false]);
  const codes = json.json.problems.map(({ code }: { code: string }) => code);
  assert.deepEqual(codes.sort(), ['domain-is-url', 'pins-empty', 'unknown-option']);
  for (const problem of json.json.problems) {
    assert.deepEqual(Object.keys(problem).sort(), ['code', 'message', 'path', 'severity', 'suggestion']);
    const unwrapped = human.stdout.replace(/\s+/g, ' ');
    assert.ok(
      unwrapped.includes(`${path}: error ${problem.path} ${problem.code}: ${problem.message}`),
      unwrapped,
    );
    assert.ok(unwrapped.includes(`-> ${problem.suggestion}`), unwrapped);
  }
  assert.match(human.stdout, /3 errors: an app refuses this configuration\n$/);
});

test('warnings alone are exit code 0', async () => {
  const path = config('warning.json', { 'api.example.com': { publicKeyHashes: [PIN] } });
  const [human, json] = await Promise.all([cli(['check', path]), cli(['check', path, '--json'])]);
  assert.deepEqual([human.code, json.code, json.json.ok], [0, 0, true]);
  assert.deepEqual(
    [json.json.problems[0].severity, json.json.problems[0].code],
    ['warning', 'no-backup-pin'],
  );
  assert.match(human.stdout, /warning\.json: ok, 1 warning, 1 domain pinned/);
});

test('broken JSON is named with line and column', async () => {
  const { code, stdout } = await cli(['check', config('syntax.json', '{\n  "a": }')]);
  assert.equal(code, 1);
  assert.match(stdout.replace(/\s+/g, ' '), /json-syntax: .* line 2 column 8/);
});

test('standard input and a byte order mark are read', async () => {
  const { code, stdout } = await cli(['check', '-'], { input: `\ufeff${JSON.stringify(GOOD)}` });
  assert.equal(code, 0);
  assert.match(stdout, /^standard input: ok/);
});

test('control characters in a pin are a problem, not a crash', async () => {
  const run = await cli(['check', '-', '--json'], { input: '{"a.test":{"publicKeyHashes":["\\u001b"]}}' });
  assert.equal(run.code, 1);
  assert.equal(run.json.problems[0].code, 'pin-has-whitespace');
});

test('hostile documents are answered in bounded time', { timeout: 100_000 }, async () => {
  const documents: [string, string][] = [
    ['x'.repeat(10_000_000), 'document-too-large'],
    [`${'['.repeat(1_000_000)}`, 'json-syntax'],
    [JSON.stringify({ ['a'.repeat(1_000_000)]: { publicKeyHashes: [PIN] } }), 'domain-too-long'],
    [JSON.stringify({ 'a.test': { publicKeyHashes: Array(100_000).fill('!') } }), 'pin-not-base64'],
  ];
  for (const [document, code] of documents) {
    const run = await cli(['check', '-', '--json'], { input: document });
    assert.equal(run.code, 1, code);
    assert.equal(run.json.problems[0].code, code);
    assert.ok(run.stdout.length < 1_000_000, `${code}: ${run.stdout.length} characters`);
  }
});
