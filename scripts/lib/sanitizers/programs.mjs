// @ts-check
/** Many threads through the core and through what the library exports, in programs that the thread sanitizer knows wholly. */
import { countsOfCargo, settle, sum } from '../counts.mjs';
import { run } from '../run.mjs';
import { buildStress, findsPlantedMistake, watched } from './instrumented.mjs';

const HOW = /** @type {const} */ ({ sanitizer: 'thread' });

/** What it looks for does not depend on how often something is done, and it is slow. */
const EXPORTED = { STRESS_THREADS: '64', STRESS_CHECKS: '200' };
const SWAPS = { STRESS_CHECKS: '8000' };

/**
 * What a JVM and Swift call, by 64 threads, and the core, whose every verdict is looked at: two tests of rust/stress.
 * @param {string} library
 */
export async function testPrograms(library) {
  const exported = await buildStress(HOW.sanitizer, 'exported', 'exported');
  const swaps = await buildStress(HOW.sanitizer, 'swaps', 'load');
  return sum([
    await findsPlantedMistake(HOW, 'a program'),
    await watched(HOW, (env) => runTests(exported, { ...env, ...EXPORTED, SPKI_LIBRARY: library })),
    await watched(HOW, (env) => runTests(swaps, { ...env, ...SWAPS })),
  ]);
}

/**
 * @param {string} program
 * @param {Readonly<Record<string, string>>} env
 */
async function runTests(program, env) {
  const { code, stdout } = await run(program, ['--nocapture'], { show: 'all', env });
  return settle(countsOfCargo(stdout), code);
}
