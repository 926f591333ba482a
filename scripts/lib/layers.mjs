// @ts-check
/** The layers of the test suite: what each tests, what it needs, how it runs. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { build, checkTypes, TESTBED } from './build.mjs';
import { countsOfCargo, countsOfNode, NONE, settle, sum } from './counts.mjs';
import { ROOT, run } from './run.mjs';
import { report } from './steps.mjs';
import { OTHER_NODES, otherNode } from './tools.mjs';

/**
 * @typedef {object} Layer
 * @property {string} name
 * @property {string} code the directory or file whose tests it runs; without it the layer is not there yet
 * @property {readonly import('./tools.mjs').Tool[]} tools
 * @property {() => Promise<import('./counts.mjs').Counts>} run
 */

/** For a file of JavaScript tests: one that never ends is cut off, and has failed. */
const TIMEOUT_MS = 120_000;

/** @type {readonly Layer[]} */
export const LAYERS = [
  { name: 'rust', code: 'Cargo.toml', tools: ['cargo', 'rustc', 'cc', 'openssl'], run: testRust },
  { name: 'js', code: 'js/test', tools: ['node', 'cargo', 'rustc', 'cc', 'openssl'], run: testJs },
  { name: 'node', code: 'js/node', tools: ['node', 'cargo', 'rustc', 'cc', 'openssl'], run: testNodes },
  { name: 'android', code: 'android', tools: [], run: unwritten },
  { name: 'android-arm64', code: 'android', tools: [], run: unwritten },
  { name: 'ios', code: 'ios', tools: [], run: unwritten },
  { name: 'package', code: 'tests/package', tools: [], run: unwritten },
];

/** @param {Layer} layer */
export function exists({ code }) {
  return existsSync(join(ROOT, code));
}

/** Code without a way to test it. */
async function unwritten() {
  console.error('error: scripts/lib/layers.mjs does not say how to test this');
  return settle(NONE, 1);
}

/** Every target but the benchmarks, and the examples of the documentation. */
async function testRust() {
  const { code, stdout } = await run('cargo', ['test', '--workspace', '--locked', '--no-fail-fast'], {
    show: 'all',
  });
  return settle(countsOfCargo(stdout), code);
}

/** The tests against the built add-on and testbed; that the types say what they should counts as one. */
async function testJs() {
  await build();
  const types = await testTypes();
  const all = await readdir(join(ROOT, 'js/test'), { recursive: true });
  const files = all.filter((file) => file.endsWith('.test.ts')).sort();
  return sum([types, await runTests(process.execPath, files)]);
}

/** The Node host and the demo under the other versions of Node: the hook depends on what is inside. */
async function testNodes() {
  await build();
  const results = [];
  for (const version of OTHER_NODES) {
    console.log(`\nNode ${version}`);
    const node = await otherNode(version);
    results.push(await runTests(node, ['node-host.test.ts', 'node-tls.test.ts', 'api.test.ts']));
    const demo = await run(node, [join(ROOT, 'scripts/demo.mjs')], { show: 'all' });
    results.push(demo.code === 0 ? { ...NONE, passed: 1 } : settle(NONE, 1));
  }
  return sum(results);
}

/**
 * @param {string} node the program
 * @param {readonly string[]} files of js/test
 */
async function runTests(node, files) {
  const options = ['--import', 'tsx', '--test', '--test-reporter=spec', `--test-timeout=${TIMEOUT_MS}`];
  const args = [...options, ...files.map((file) => join('js/test', file))];
  const { code, stdout } = await run(node, args, { show: 'all', env: { SPKI_TESTBED: TESTBED } });
  return settle(countsOfNode(stdout), code);
}

async function testTypes() {
  try {
    await checkTypes();
    return { ...NONE, passed: 1 };
  } catch (error) {
    report(error);
    return { ...NONE, failed: 1 };
  }
}
