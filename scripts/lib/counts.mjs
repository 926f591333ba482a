// @ts-check
/** How many tests ran, out of what the test runners print at their end. */
import { stripVTControlCharacters } from 'node:util';

/**
 * @typedef {object} Counts
 * @property {number} passed
 * @property {number} failed
 * @property {number} skipped
 */

/** @type {Counts} */
export const NONE = { passed: 0, failed: 0, skipped: 0 };

/**
 * @param {readonly Counts[]} counts
 * @returns {Counts}
 */
export function sum(counts) {
  return counts.reduce(
    (total, { passed, failed, skipped }) => ({
      passed: total.passed + passed,
      failed: total.failed + failed,
      skipped: total.skipped + skipped,
    }),
    NONE,
  );
}

/**
 * Of `cargo test`, which prints a line for each test binary.
 * @param {string} output
 */
export function countsOfCargo(output) {
  const results = output.matchAll(/^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored;/gm);
  return sum(
    [...results].map(([, passed, failed, ignored]) => ({
      passed: Number(passed),
      failed: Number(failed),
      skipped: Number(ignored),
    })),
  );
}

/**
 * Of `node --test`, which prints a line for each number. A test may print such lines too: the last ones count.
 * @param {string} output of the spec or the tap reporter
 * @returns {Counts}
 */
export function countsOfNode(output) {
  const lines = stripVTControlCharacters(output).matchAll(
    /^[ℹ#] (pass|fail|cancelled|skipped|todo) (\d+)$/gm,
  );
  const last = new Map([...lines].map(([, name, count]) => [name, Number(count)]));
  const of = (/** @type {string} */ name) => last.get(name) ?? 0;
  return { passed: of('pass'), failed: of('fail') + of('cancelled'), skipped: of('skipped') + of('todo') };
}

/**
 * Of Maven's Surefire, which prints a line for each class, with its time, and one without for each module.
 * @param {string} output
 */
export function countsOfMaven(output) {
  const results = stripVTControlCharacters(output).matchAll(
    /^\[\w+\] Tests run: (\d+), Failures: (\d+), Errors: (\d+), Skipped: (\d+)$/gm,
  );
  return sum(
    [...results].map(([, ...numbers]) => {
      const [run = 0, failures = 0, errors = 0, skipped = 0] = numbers.map(Number);
      return { passed: run - failures - errors - skipped, failed: failures + errors, skipped };
    }),
  );
}

/**
 * Of `swift test` (swift-testing), which prints a line for each test and one, with the number of all, for the run.
 * @param {string} output
 * @returns {Counts}
 */
export function countsOfSwift(output) {
  const lines = stripVTControlCharacters(output);
  const count = (/** @type {RegExp} */ pattern) => [...lines.matchAll(pattern)].length;
  // The sign at the start of a line depends on the platform.
  const runs = lines.matchAll(/^\S+ Test run with (\d+) tests?\b.* (?:passed|failed) after /gm);
  const all = [...runs].reduce((total, [, tests]) => total + Number(tests), 0);
  const failed = count(/^\S+ Test (?!run with \d).+ failed after [\d.]+ seconds with /gm);
  const skipped = count(/^\S+ Test .+ skipped(?:: |\.?$)/gm);
  return { passed: Math.max(all - failed - skipped, 0), failed, skipped };
}

/**
 * Of `npm test`: its last line, see {@link totalOf}.
 * @param {string} output
 * @returns {Counts | undefined} if it did not come to its end
 */
export function countsOfLayers(output) {
  const [passed, failed, skipped] =
    [...output.matchAll(/^total: (\d+) passed, (\d+) failed, (\d+) skipped$/gm)]
      .at(-1)
      ?.slice(1)
      .map(Number) ?? [];
  if (passed === undefined || failed === undefined || skipped === undefined) return undefined;
  return { passed, failed, skipped };
}

/**
 * The last line of `npm test`, which `.ci/run` looks for too.
 * @param {Counts} counts
 */
export function totalOf(counts) {
  return `total: ${inWords(counts)}`;
}

/**
 * The counts of a runner and its exit code together: a crash, or a build that fails, is a failure nobody counted,
 * and so is a run without any test.
 * @param {Counts} counts
 * @param {number | null} code
 * @returns {Counts}
 */
export function settle(counts, code) {
  const ran = counts.passed + counts.failed > 0;
  return counts.failed === 0 && (code !== 0 || !ran) ? { ...counts, failed: 1 } : counts;
}

/** @param {Counts} counts */
export function inWords({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}
