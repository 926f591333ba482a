/** Nothing in what ships takes pins off by the kind of a build, the environment, a launch argument or a stored setting. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SHIPPED, TEST_HOOKS, testHooksIn } from '../../scripts/lib/native.mjs';
import { ROOT } from './documents.js';

/** How code asks for any of that, in each language. */
const QUESTIONS =
  /__DEV__|process\.env|NODE_ENV|import\.meta\.env|BuildConfig|DEBUGGABLE|System\.get(?:env|Property|Properties)|Settings\.(?:Global|Secure|System)|SharedPreferences|ProcessInfo|CommandLine|getenv|UserDefaults|#(?:else)?if\s+!?DEBUG|NDEBUG|_isDebug\w*|env::(?:var|args)|option_env!|debug_assertions|Debug\.is\w+/g;

/** What is asked, and for what. */
const ASKED: Readonly<Record<string, readonly string[]>> = {
  // Whether to print advice: react-native.test.ts shows that nothing else follows.
  'js/src/index.ts': ['__DEV__'],
  // Where signed pins are kept, whom else the engine's own connections trust as Node does, and whose process it is.
  'js/node/index.ts': ['process.env', 'process.env'],
};

/** Of the code that is in an app, or in the process of who imports the package. */
const FOLDERS = ['js/src', 'js/web', 'js/node', 'android/src', 'ios/Core', 'ios/Apple'].concat(
  ['core', 'net', 'ffi', 'node'].map((crate) => `rust/${crate}/src`),
);

test('what ships asks neither for the kind of its build nor for its surroundings, but for what is listed', () => {
  const asked: Record<string, string[]> = {};
  let files = 0;
  for (const folder of FOLDERS) {
    for (const name of readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })) {
      if (!/\.(ts|kt|swift|mm?|h|rs|xml)$/.test(name)) continue;
      files += 1;
      const path = `${folder}/${name.replaceAll('\\', '/')}`;
      const found = readFileSync(join(ROOT, path), 'utf8').match(QUESTIONS);
      if (found !== null) asked[path] = found;
    }
  }
  assert.ok(files > 140, `${files} files`);
  assert.deepEqual(asked, ASKED);
});

test('a question is found, however it is asked', () => {
  const ways = [
    'if (__DEV__) {',
    'BuildConfig.DEBUG',
    '#if DEBUG',
    'UserDefaults.standard',
    'std::env::var("X")',
  ];
  for (const way of [...ways, 'ApplicationInfo.FLAG_DEBUGGABLE', 'System.getProperty("x")', '#if !DEBUG'])
    assert.ok(way.match(QUESTIONS), way);
});

test('the library is not built with what is for tests, unless that is asked for by name', () => {
  const manifest = readFileSync(join(ROOT, 'rust/ffi/Cargo.toml'), 'utf8');
  const [, features = ''] = manifest.split(/^\[features\]$/m);
  assert.match(features, /^testing = \[\]$/m);
  assert.doesNotMatch(features, /^default\b/m);
  assert.ok(!SHIPPED.some((argument) => argument.includes('features')), SHIPPED.join(' '));
});

test('a library that can be told the time, or to panic, is told from one that ships', () => {
  const source = ['testing.rs', 'java.rs'].map((file) =>
    readFileSync(join(ROOT, 'rust/ffi/src', file), 'utf8'),
  );
  for (const hook of TEST_HOOKS) {
    assert.deepEqual(testHooksIn(Buffer.from(`\u007fELF…${hook}…`)), [hook]);
    assert.ok(source.join('').toLowerCase().includes(hook.toLowerCase()), `${hook} is nowhere in rust/ffi`);
  }
  assert.deepEqual(testHooksIn(Buffer.from('\u007fELF…uniffi_spki_pinning_fn_method…')), []);
});
