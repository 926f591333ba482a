// @ts-check
/**
 * What looks for mistakes that no test can see by its result: the address sanitizer over the Node add-on and the library of
 * apps in a JVM. `SANITIZERS=long` is more of that, and Miri.
 */
import { join } from 'node:path';
import { TESTBED } from './build.mjs';
import { countsOfNode, settle, sum } from './counts.mjs';
import { ROOT, run } from './run.mjs';
import { addressRuntime, buildLibraries, findsPlantedMistake, watched } from './sanitizers/instrumented.mjs';
import { testJvm } from './sanitizers/jvm.mjs';
import { testMiri } from './sanitizers/miri.mjs';
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
  const runtime = await step('address sanitizer', addressRuntime);
  const { addon, library } = await step('libraries, instrumented', buildLibraries);
  return sum([
    await testAddon({ addon, runtime }),
    await testJvm({ library, runtime, long: LONG }),
    ...(LONG ? [await testMiri()] : []),
  ]);
}

/**
 * The add-on in Node, which finds a mistake on purpose first.
 * @param {{ addon: string, runtime: string }} what
 */
async function testAddon({ addon, runtime }) {
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
    await findsPlantedMistake({ runtime }, 'Node', load),
    await watched({ runtime }, async (env) => {
      const more = { SPKI_TESTBED: TESTBED, SPKI_ADDON: addon, NODE_OPTIONS: other };
      const { code, stdout } = await run(process.execPath, [...options, ...files], {
        show: 'all',
        env: { ...env, ...more },
      });
      return settle(countsOfNode(stdout), code);
    }),
  ]);
}
