// @ts-check
/** Many threads, floods, and the orders in which threads can come. `STRESS=long` is the whole run. */
import { countsOfCargo, settle, sum } from './counts.mjs';
import { buildHostLibrary } from './native.mjs';
import { run } from './run.mjs';

const LONG = process.env.STRESS === 'long';

/** So that what was measured is in the log. */
const SHOW = ['--', '--nocapture'];

/** rust/model, then rust/stress; the library is the one that the tests of Kotlin load. */
export async function testStress() {
  // Of the whole workspace, or half of what `npm run test:rust` has built would be built again with other features.
  const model = ['--workspace', '--features', 'spki-pinning-model/shuttle', '--test', 'schedules'];
  const load = ['--release', '-p', 'spki-pinning-stress', '--features', 'load,floods'];
  const exported = ['--release', '-p', 'spki-pinning-stress', '--features', 'exported', '--test', 'exported'];
  const library = await buildHostLibrary();
  return sum([
    await cargoTest([...model, '--locked', ...SHOW], LONG ? { SCHEDULES: '100000' } : {}),
    await cargoTest(
      [...load, '--locked', ...SHOW],
      LONG ? { STRESS_CHECKS: '1000000', STRESS_FAILURES: '1000000' } : {},
    ),
    await cargoTest([...exported, '--locked', ...SHOW], {
      SPKI_LIBRARY: library,
      ...(LONG && { STRESS_THREADS: '64', STRESS_CHECKS: '20000' }),
    }),
  ]);
}

/**
 * @param {readonly string[]} args
 * @param {Readonly<Record<string, string | undefined>>} [env]
 * @returns {Promise<import('./counts.mjs').Counts>}
 */
export async function cargoTest(args, env = {}) {
  const { code, stdout } = await run('cargo', ['test', ...args], { show: 'all', env });
  return settle(countsOfCargo(stdout), code);
}
