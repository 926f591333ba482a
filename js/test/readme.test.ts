/** The README is true: every sample in it compiles and does what it says, every command in it runs. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { cli } from './cli-support.js';
import { startTestbed, WRONG_PIN } from './testbed.js';
import { Workspace } from './workspace.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const workspace = new Workspace();
const testbed = await startTestbed();
const { host, port, validatedChainFile } = testbed.host('leaf');
const reaching = ['--connect', `127.0.0.1:${port}`, '--ca', testbed.document.caFile];

/** The samples in one language, in order. */
function samples(language: string): readonly string[] {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const fences = readme.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm);
  return [...fences].filter(([, name]) => name === language).map(([, , body = '']) => body);
}

function only(language: string, mark: string): string {
  const [sample, ...more] = samples(language).filter((body) => body.includes(mark));
  assert.ok(sample !== undefined && more.length === 0, `one ${language} sample has ${mark}`);
  return sample;
}

/** The reader's server: api.example.com is a server of the testbed, and the first pin is that of its key. */
function atTestbed(sample: string, pin = testbed.pin('leaf')): string {
  return sample
    .replaceAll('https://api.example.com/', testbed.url('leaf'))
    .replaceAll('api.example.com', host)
    .replaceAll('j11z8DhQQA9fdFgx0zaqmF6yxgVf3Mf6MCgqiXKfF3E=', pin);
}

/** Runs a sample as a program of its own that imports the package by its name. */
function run(name: string, sample: string): Promise<{ code: number; output: string }> {
  const directory = join(ROOT, 'build/readme');
  mkdirSync(directory, { recursive: true });
  const dns = "import { resolveTestbed } from '../../scripts/lib/testbed.mjs';\nresolveTestbed();\n";
  writeFileSync(join(directory, name), dns + sample);
  return node(['--import', import.meta.resolve('tsx'), join(directory, name)], {
    NODE_EXTRA_CA_CERTS: testbed.document.caFile,
  });
}

function node(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, args, { env: { ...process.env, ...env } }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : 1, output: stdout + stderr });
    });
  });
}

test('every TypeScript sample compiles against the built package', () => {
  const directory = join(ROOT, 'build/readme');
  mkdirSync(directory, { recursive: true });
  const files = samples('ts').map((sample, index) => {
    const file = join(directory, `sample${index + 1}.ts`);
    writeFileSync(file, sample);
    return file;
  });
  assert.ok(files.length > 0);
  const program = ts.createProgram(files, {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    types: ['node'],
    strict: true,
    noEmit: true,
    skipLibCheck: true,
  });
  const diagnostics = ts.getPreEmitDiagnostics(program).map(({ file, start = 0, messageText }) => {
    const line =
      file === undefined ? '' : `${file.fileName}:${file.getLineAndCharacterOfPosition(start).line + 1} `;
    return `${line}${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
  });
  assert.deepEqual(diagnostics, []);
});

test('the sample that pins lets the right server through and a wrong one not', async () => {
  const sample = only('ts', 'isSslPinningAvailable');
  const right = await run('right.ts', atTestbed(sample));
  assert.deepEqual([right.code, right.output], [0, '']);
  const wrong = await run('wrong.ts', atTestbed(sample, WRONG_PIN));
  assert.equal(wrong.code, 1);
  assert.match(wrong.output, /SslPinningError: SSL pinning refused leaf\.spki\.test \(no-pin-matched\)/);
});

test('the sample that listens hears of a failure', async () => {
  const listen = only('ts', 'addSslPinningErrorListener');
  const pin = only('ts', 'isSslPinningAvailable').replace(/^const response = .*$/m, '');
  const failing =
    "await fetch('https://api.example.com/').catch(() => {});\nawait new Promise((r) => setTimeout(r, 50));";
  const wrong = atTestbed(listen + pin + failing, WRONG_PIN);
  const { output } = await run('listen.ts', wrong);
  assert.match(output, /^blocked leaf\.spki\.test no-pin-matched Certificate pinning failure!/);
});

test('the sample for Node catches the refusal', async () => {
  const { code, output } = await run('node.ts', atTestbed(only('ts', 'instanceof SslPinningError')));
  assert.equal(code, 0, output);
  assert.match(output, /^leaf\.spki\.test no-pin-matched \[/);
});

/** How each command of the README is run here. */
const COMMANDS: Readonly<Record<string, () => Promise<void>>> = {
  'npm run demo': async () => {
    const { code, output } = await node([join(ROOT, 'scripts/demo.mjs')]);
    assert.equal(code, 0, output);
    assert.match(output, /\d\d trials: all as expected/);
    assert.doesNotMatch(output, /FAIL/);
  },
  // This is a part of it; that CI runs the whole is all that is left to see.
  'npm test': async () => assert.match(readFileSync(join(ROOT, '.ci/run'), 'utf8'), /npm test$/m),
  'npx react-native-spki-pinning hash api.example.com': async () => {
    const { code, stdout } = await cli(['hash', host, ...reaching]);
    assert.equal(code, 0);
    assert.ok(stdout.includes(testbed.pin('leaf')));
  },
  'openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out backup.key': async () => {
    workspace.openssl('genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out backup.key');
  },
  'npx react-native-spki-pinning hash --key backup.key': async () => {
    const { code, json } = await cli(['hash', '--key', 'backup.key', '--json'], { cwd: workspace.directory });
    const key = workspace.openssl('pkey -in backup.key -pubout');
    assert.deepEqual([code, json.certificates[0].pin], [0, workspace.pinOfPublicKey(key)]);
  },
  'npx react-native-spki-pinning check ssl-pinning.json': async () => {
    workspace.write('ssl-pinning.json', only('json', 'publicKeyHashes'));
    const { code, stdout } = await cli(['check', 'ssl-pinning.json'], { cwd: workspace.directory });
    assert.deepEqual([code, stdout], [0, 'ssl-pinning.json: ok, no problems, 1 domain pinned\n']);
  },
  'npx react-native-spki-pinning evaluate --config ssl-pinning.json --host api.example.com --chain chain.pem':
    async () => {
      workspace.write('ssl-pinning.json', atTestbed(only('json', 'publicKeyHashes')));
      copyFileSync(validatedChainFile ?? '', workspace.path('chain.pem'));
      const args = ['evaluate', '--config', 'ssl-pinning.json', '--host', host, '--chain', 'chain.pem'];
      const { code, stdout } = await cli(args, { cwd: workspace.directory });
      assert.equal(code, 0);
      assert.match(stdout, /^ALLOWED leaf\.spki\.test \(pin-matched\)/);
    },
};

for (const command of samples('sh').flatMap((body) => body.trim().split('\n'))) {
  test(`$ ${command}`, async () => {
    const run = COMMANDS[command];
    assert.ok(run, 'a command of the README that no test runs');
    await run();
  });
}

test('every npm script that the documentation names is there', () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  for (const page of ['README.md', 'CONTRIBUTING.md', 'docs/benchmarks.md', 'docs/verification.md']) {
    const text = readFileSync(join(ROOT, page), 'utf8');
    for (const [, name = ''] of text.matchAll(/npm run ([a-z:0-9-]+)/g))
      assert.ok(name in scripts, `${page}: ${name}`);
  }
});
