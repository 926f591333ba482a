// @ts-check
/**
 * What looks for mistakes that no test can see by its result: the address sanitizer over the Node add-on and the library of
 * apps in a JVM. `SANITIZERS=long` is more of that, the thread sanitizer, and Miri.
 */
import { join } from 'node:path';
import { TESTBED } from './build.mjs';
import { countsOfNode, settle, sum } from './counts.mjs';
import { ROOT, run } from './run.mjs';
import { buildLibraries, findsPlantedMistake, runtimeOf, watched } from './sanitizers/instrumented.mjs';
import { testJvm } from './sanitizers/jvm.mjs';
import { testMiri } from './sanitizers/miri.mjs';
import { testPrograms } from './sanitizers/programs.mjs';
import { step } from './steps.mjs';

const LONG = process.env.SANITIZERS === 'long';

/** Every question about documents and chains; SANITIZERS=long: whatever uses the add-on at all. */
const TESTS = ['vectors'];
const MORE = [
  'node-host',
  'api',
  'early-requests',
  'failures',
  'node-tls',
  'stacks',
  'updates',
  'cli-hash',
  'cli-manifest',
];

export async function testSanitizers() {
  return sum([await testWith('address'), ...(LONG ? [await testWith('thread'), await testMiri()] : [])]);
}

/** @param {import('./sanitizers/instrumented.mjs').Sanitizer} sanitizer */
async function testWith(sanitizer) {
  const how = { sanitizer, runtime: await runtimeOf(sanitizer) };
  const { addon, library } = await step('libraries, instrumented', () => buildLibraries(sanitizer));
  return sum([
    await testAddon(how, addon),
    await testJvm(how, { library, long: LONG }),
    ...(sanitizer === 'thread' ? [await testPrograms(library)] : []),
  ]);
}

/**
 * The add-on in Node, which finds a mistake on purpose first.
 * @param {import('./sanitizers/instrumented.mjs').How} how
 * @param {string} addon
 */
async function testAddon(how, addon) {
  const files = [...TESTS, ...(LONG ? MORE : [])].map((name) => `js/test/${name}.test.ts`);
  const options = ['--import', 'tsx', '--test', '--test-reporter=spec', '--test-timeout=300000'];
  const other = `--require=${join(ROOT, 'tests/sanitizers/other-addon.cjs')}`;
  const load = (/** @type {string} */ library) =>
    /** @type {const} */ ([
      process.execPath,
      '-e',
      `process.dlopen({ exports: {} }, ${JSON.stringify(library)})`,
    ]);
  return sum([
    await findsPlantedMistake(how, 'Node', load),
    await watched(how, async (env) => {
      const more = { SPKI_TESTBED: TESTBED, SPKI_ADDON: addon, NODE_OPTIONS: other };
      const { code, stdout } = await run(process.execPath, [...options, ...files], {
        show: 'all',
        env: { ...env, ...more },
      });
      return settle(countsOfNode(stdout), code);
    }),
  ]);
}
