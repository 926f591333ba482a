/** docs/embedding.md is true: its samples compile, say what the plugin takes, and its commands run, in its order. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { readOptions } from '../expo/options.js';
import { PROJECT, xcodeProject } from './cli-embed-support.js';
import { atTestbed, Page, ROOT, runSample, shell, typeErrors } from './documents.js';
import { startTestbed, WRONG_PIN } from './testbed.js';
import { Workspace } from './workspace.js';

const page = new Page('docs/embedding.md');
const testbed = await startTestbed();
const workspace = new Workspace();
const inShell = shell(workspace, testbed, 'leaf');
const source = page.only('json', '"domains"');

function write(path: string, content: string): void {
  mkdirSync(dirname(workspace.path(path)), { recursive: true });
  writeFileSync(workspace.path(path), content);
}

test('the TypeScript samples compile', () => {
  assert.deepEqual(typeErrors(page), []);
});

test('JavaScript that reads the same file pins', async () => {
  const metro = // whose `require` reads JSON
    "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);\n";
  const sample = metro + page.only('ts', "require('./ssl-pinning.json')");
  const directory = join(ROOT, 'build/readme', page.path.replaceAll(/\W/g, '-'));
  for (const [pin, expected] of [
    [testbed.pin('leaf'), /^200\n$/],
    [WRONG_PIN, /no-pin-matched/],
  ] as const) {
    writeFileSync(join(directory, 'ssl-pinning.json'), atTestbed(source, testbed, 'leaf', pin));
    const call = `\nconsole.log((await fetch('${testbed.url('leaf')}')).status);`;
    const { output } = await runSample(page, 'same-file.ts', sample + call, testbed);
    assert.match(output, expected);
  }
});

test('the plugin takes the options of the samples', () => {
  const [plugin] = JSON.parse(page.only('json', '"plugins"')).expo.plugins;
  assert.equal(plugin[0], 'react-native-spki-pinning');
  assert.deepEqual(readOptions(plugin[1]), { config: './ssl-pinning.json', nativeLayer: null });
  const { nativeLayer } = readOptions(JSON.parse(page.only('json', 'caPins')));
  assert.equal(nativeLayer?.caPins.length, 1);
});

/** What each command prints, in the order of the page. */
const COMMANDS: readonly (readonly [command: string, output: RegExp, code?: number])[] = [
  ['npx react-native-spki-pinning hash api.example.com', /^leaf +CN=leaf\.spki\.test$/m],
  ['npx react-native-spki-pinning check ssl-pinning.json', /: ok, no problems, 1 domain pinned$/m],
  [
    'npx react-native-spki-pinning embed ssl-pinning.json',
    /carries ssl-pinning\.json from its next build on$/m,
  ],
  ['npx react-native-spki-pinning embed ssl-pinning.json --check', /carries ssl-pinning\.json as it is$/m],
  ['npx react-native-spki-pinning doctor', /the ios app carries it as it is$/m, 1], // nothing is installed there
];

test('every command of the page runs and says what it should', async () => {
  write('ssl-pinning.json', atTestbed(source, testbed, 'leaf'));
  write('package.json', '{}');
  write('android/app/src/main/AndroidManifest.xml', '<manifest/>');
  write(PROJECT, xcodeProject());
  assert.deepEqual(
    page.commands(),
    COMMANDS.map(([command]) => command),
  );
  for (const [command, output, code = 0] of COMMANDS) {
    const run = await inShell(command);
    assert.match(run.output, output);
    assert.equal(run.code, code, run.output);
  }
});
