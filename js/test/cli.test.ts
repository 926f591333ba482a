import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { nearest } from '../cli/args.js';
import { printable, styleFor, wrap } from '../cli/output.js';
import { cli, PROGRAM } from './cli-support.js';
import { Workspace } from './workspace.js';

const workspace = new Workspace();
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
const ANSI = /\u001b/;

test('help lists the commands and fits the screen', async () => {
  for (const args of [['--help'], ['-h'], ['help']]) {
    const { code, stdout, stderr } = await cli(args);
    assert.equal(code, 0);
    assert.equal(stderr, '');
    for (const command of ['hash', 'check', 'evaluate'])
      assert.match(stdout, new RegExp(`^ {2}${command} `, 'm'));
  }
});

test('every command explains itself in two ways, in lines of at most 100 columns', async () => {
  for (const command of ['hash', 'check', 'evaluate']) {
    const [first, second] = await Promise.all([cli(['help', command]), cli([command, '--help'])]);
    assert.equal(first.code, 0);
    assert.equal(first.stdout, second.stdout);
    assert.match(first.stdout, /--json/);
    for (const line of first.stdout.split('\n')) assert.ok(line.length <= 100, line);
  }
});

test('the version is that of the package', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const { code, stdout } = await cli(['--version']);
  assert.deepEqual([code, stdout], [0, `${version}\n`]);
});

test('wrong usage is exit code 2 with what to do on standard error and nothing on standard output', async () => {
  const cases: [string[], RegExp][] = [
    [[], /no command\n {2}-> see `npx react-native-spki-pinning --help`/],
    [['hahs'], /no command hahs\n {2}-> did you mean `hash`\?/],
    [['--versoin'], /no option --versoin\n {2}-> did you mean `--version`\?/],
    [['xyzzy'], /no command xyzzy\n {2}-> see `npx/],
    [['help', 'chekc'], /did you mean `check`\?/],
    [['check', '--jsno', 'x'], /no option --jsno\n {2}-> did you mean `--json`\?/],
    [['check', '-x', 'x'], /no option -x/],
    [['check', '--online=yes', 'x'], /--online takes no value/],
    [['check'], /no configuration to check/],
    [['check', 'a', '--ca', 'b'], /--ca is of use with --online only/],
    [['check', 'a', 'b'], /one configuration at a time/],
    [['hash'], /nothing to hash/],
    [['hash', 'a.test', 'b.test'], /more than one thing to hash/],
    [['hash', 'a.test', '--cert', 'x'], /more than one thing to hash/],
    [['hash', '--cert'], /--cert needs a value\n {2}-> use --cert FILE/],
    [['hash', '--cert', '--key'], /--cert needs a value/],
    [['hash', '--cert', 'a', '--cert', 'b'], /--cert is given twice/],
    [['hash', '--cert', 'a', '--timeout', '3'], /--timeout is of use with a HOST only/],
    [['hash', 'a.test', '--timeout', 'soon'], /"soon" is not a timeout/],
    [['hash', 'a.test', '--timeout', '0'], /"0" is not a timeout/],
    [['hash', 'a.test', '--ca', '-'], /--ca cannot be standard input/],
    [['hash', 'a.test', '--ca', ''], /the path of the trusted certificates is empty/],
    [['hash', 'a b.test'], /contains white space\n {2}-> name one host/],
    [['evaluate', '--config', 'x', '--chain', 'y'], /--host is missing/],
    [['evaluate', 'x'], /"x" belongs to no option/],
    [
      ['evaluate', '--config', '-', '--host', 'a.test', '--chain', '-'],
      /cannot be both the configuration and the chain/,
    ],
  ];
  await Promise.all(
    cases.map(async ([args, expected]) => {
      const { code, stdout, stderr } = await cli(args);
      assert.match(stderr, expected);
      assert.deepEqual([code, stdout], [2, ''], args.join(' '));
    }),
  );
});

test('with --json help and version are data too', async () => {
  for (const [args, member] of [
    [['--version', '--json'], 'version'],
    [['--help', '--json'], 'help'],
    [['help', 'hash', '--json'], 'help'],
    [['hash', '--json', '--help'], 'help'],
  ] as const) {
    const run = await cli(args, { env: { FORCE_COLOR: '1' } });
    assert.deepEqual([run.code, Object.keys(run.json)], [0, [member]]);
    assert.doesNotMatch(run.json[member], ANSI);
  }
});

test('with --json an error is data on standard output and readable on standard error', async () => {
  for (const args of [
    ['check', '--json', 'missing.json'],
    ['check', '--json=yes', 'x'],
    ['--json'],
    ['hash', '--json', '--crt', 'x'],
  ]) {
    const run = await cli(args);
    assert.equal(run.code, 2);
    assert.equal(run.json.ok, false);
    assert.deepEqual(Object.keys(run.json.error), ['code', 'message', 'suggestion']);
    assert.match(run.stderr, /^error: /);
  }
  const { stdout } = await cli(['hash', '--', '--json']);
  assert.equal(stdout, '', 'there it is an operand');
});

test('files that cannot be read are named with what is wrong with them', async () => {
  const cases: [string, RegExp][] = [
    [workspace.path('missing'), /there is no file/],
    [workspace.directory, /is a directory/],
    ['', /the path of the configuration is empty/],
    [workspace.write('utf16.json', Buffer.from('\ufeff{}', 'utf16le')), /is not UTF-8 text/],
    ['/dev/zero', /over 64 MiB/],
  ];
  for (const [path, expected] of cases) {
    const { code, stderr } = await cli(['check', path]);
    assert.equal(code, 2);
    assert.match(stderr.replace(/\s+/g, ' '), expected);
  }
});

test('a pipe gets no colours, not even of the input', async () => {
  const config = workspace.write('colours.json', '{"a\\u001b[31m.test":{"publicKeyHashes":["\\u009b31m"]}}');
  for (const args of [['--help'], ['check', config], ['hahs']]) {
    const { stdout, stderr } = await cli(args);
    assert.doesNotMatch(stdout + stderr, ANSI);
  }
  const { stdout } = await cli(['check', config]);
  assert.match(stdout, /\\x1b\[31m/);
});

test('colours come on a terminal or by FORCE_COLOR and go by NO_COLOR', async () => {
  const coloured = (tty: boolean, env: NodeJS.ProcessEnv) =>
    ANSI.test(styleFor({ isTTY: tty }, env).bad('x'));
  assert.equal(coloured(true, {}), true);
  assert.equal(coloured(false, {}), false);
  assert.equal(coloured(true, { NO_COLOR: '1' }), false);
  assert.equal(coloured(true, { TERM: 'dumb' }), false);
  assert.equal(coloured(false, { FORCE_COLOR: '1' }), true);
  assert.equal(coloured(true, { FORCE_COLOR: '0' }), false);
  assert.match((await cli(['--help'], { env: { FORCE_COLOR: '1' } })).stdout, ANSI);
});

test('a reader that goes away early is no error', async () => {
  const child = spawn(process.execPath, [...PROGRAM, '--help']);
  child.stdout.destroy();
  let stderr = '';
  child.stderr.on('data', (piece) => {
    stderr += piece;
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  assert.deepEqual([code, stderr], [0, '']);
});

test('output that cannot be written is exit code 2', { skip: process.platform !== 'linux' }, async () => {
  const child = spawn('sh', ['-c', '"$0" "$@" --help > /dev/full', process.execPath, ...PROGRAM]);
  assert.equal(await new Promise((resolve) => child.on('close', resolve)), 2);
});

test('nearest finds typing mistakes and nothing far-fetched', () => {
  const known = ['hash', 'check', 'evaluate'];
  assert.equal(nearest('hsah', known), 'hash');
  assert.equal(nearest('CHECK', known), 'check');
  assert.equal(nearest('evalute', known), 'evaluate');
  assert.equal(nearest('launch', known), null);
  assert.equal(nearest('x'.repeat(10_000), known), null);
});

test('text of others cannot steer the terminal', () => {
  assert.equal(printable('a\u001b[31m\nb\u202ec\u009b'), 'a\\x1b[31m\\x0ab\\u202ec\\x9b');
});

test('wrap keeps commands between backticks whole', () => {
  assert.deepEqual(wrap('  one `two three` four', '    ', 12), ['  one', '    `two three`', '    four']);
});
