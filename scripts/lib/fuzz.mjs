// @ts-check
/** The fuzz targets of `fuzz/`: built, fed what is kept, and run, several at a time. */
import { existsSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { UNSTABLE } from './native.mjs';
import { ROOT, run } from './run.mjs';
import { expectSuccess, Failure, secondsSince, step } from './steps.mjs';
import { cargoFuzz } from './tools.mjs';

/** The longest input that is tried, in bytes, where it is not what libFuzzer takes by the corpus: a chain, a ledger, a folder. */
const MAX_LENGTH = {
  answer: 4096,
  certificate: 8192,
  configuration: 4096,
  decoding: 4096,
  host: 512,
  manifest: 8192,
  store: 16_384,
};
/** Its thread may be about to end when leaks are looked for, and what such a thread holds looks like one. */
const NO_LEAKS = ['answer', 'store'];
/** For one input. The slowest take a second, and a machine that has other things to do takes twenty for that. */
const TIMEOUT_SECONDS = 60;
const RSS_LIMIT_MB = 2048;
/**
 * What costs time and tells nothing until something is found: where every allocation came from, memory that is long free, and
 * backtraces of errors, which RUST_BACKTRACE would ask for. `--input` has all of it.
 */
const IN_A_HURRY = { ASAN_OPTIONS: 'malloc_context_size=4:quarantine_size_mb=16', RUST_LIB_BACKTRACE: '0' };

/**
 * What came of a run of one target.
 * @typedef {object} Result
 * @property {string} target
 * @property {boolean} good whether nothing was found
 * @property {number} executions
 * @property {number} edges libFuzzer's `cov`
 * @property {number} features libFuzzer's `ft`
 * @property {number} seconds
 * @property {string} output what was printed
 * @property {string} artifact the input that was found, by its path in the repository; empty if there is none
 */

/** The names of all targets. */
export async function fuzzTargets() {
  const files = await readdir(join(ROOT, 'fuzz/fuzz_targets'));
  return files.map((file) => file.replace(/\.rs$/, '')).sort();
}

/** Builds all targets, and says where they are. */
export async function buildFuzzTargets() {
  const program = await step('cargo-fuzz', cargoFuzz);
  const host = /^host: (.+)$/m.exec((await run('rustc', ['-vV'])).stdout)?.[1];
  if (host === undefined) throw new Failure('rustc does not say what it runs on');
  await step('fuzz targets', async () => {
    // More codegen units than the one that it takes by itself: the build is half of the time that CI has for this.
    const args = ['build', '--fuzz-dir', 'fuzz', '--target', host, '--codegen-units', '16'];
    const outcome = await run(program, args, { show: 'progress', env: UNSTABLE });
    expectSuccess('the fuzz targets cannot be built: see above', outcome);
  });
  return join(ROOT, 'fuzz/target', host, 'release');
}

/**
 * Runs each target on every file of its corpus, and on nothing else.
 * @param {string} directory
 * @param {readonly string[]} targets
 */
export function replay(directory, targets) {
  return inParallel(targets, (target) => start(directory, target, ['-runs=0', corpus(target)], IN_A_HURRY));
}

/**
 * Runs each target for so long. New inputs that reach something new are kept in `fuzz/target`, for the next run.
 * @param {string} directory
 * @param {readonly string[]} targets
 * @param {number} seconds
 */
export function fuzz(directory, targets, seconds) {
  return inParallel(targets, async (target) => {
    const found = join('fuzz/target/corpus', target);
    await mkdir(join(ROOT, found), { recursive: true });
    return start(directory, target, [`-max_total_time=${seconds}`, found, corpus(target)], IN_A_HURRY);
  });
}

/**
 * Runs a target on one input.
 * @param {string} directory
 * @param {string} target
 * @param {string} file
 */
export function reproduce(directory, target, file) {
  return start(directory, target, [file]);
}

/** @param {string} target */
function corpus(target) {
  return `fuzz/corpus/${target}`;
}

/**
 * @param {string} directory
 * @param {string} target
 * @param {readonly string[]} what
 * @param {Readonly<Record<string, string>>} [env]
 * @returns {Promise<Result>}
 */
async function start(directory, target, what, env = {}) {
  const artifacts = `fuzz/artifacts/${target}/`;
  await mkdir(join(ROOT, artifacts), { recursive: true });
  const dictionary = `fuzz/dictionaries/${target}.dict`;
  const length = /** @type {Record<string, number>} */ (MAX_LENGTH)[target];
  const options = [
    `-artifact_prefix=${artifacts}`,
    `-rss_limit_mb=${RSS_LIMIT_MB}`,
    `-timeout=${TIMEOUT_SECONDS}`,
    '-print_final_stats=1',
    ...(NO_LEAKS.includes(target) ? ['-detect_leaks=0'] : []),
    ...(length === undefined ? [] : [`-max_len=${length}`]),
    ...(existsSync(join(ROOT, dictionary)) ? [`-dict=${dictionary}`] : []),
  ];
  const began = performance.now();
  const { code, missing, stdout, stderr } = await run(join(directory, target), [...options, ...what], {
    env,
  });
  if (missing) throw new Failure(`there is no fuzz target ${target}`, { hint: 'npm run fuzz' });
  const output = stdout + stderr;
  return { target, good: code === 0, seconds: secondsSince(began), output, ...readings(output) };
}

/**
 * What libFuzzer prints of a run.
 * @param {string} output
 */
export function readings(output) {
  const last = (/** @type {RegExp} */ pattern) => Number([...output.matchAll(pattern)].at(-1)?.[1] ?? 0);
  return {
    // The first is printed by a run that comes to its end, the other all the time.
    executions: last(/^stat::number_of_executed_units: (\d+)$/gm) || last(/^#(\d+)\s/gm),
    edges: last(/\bcov: (\d+)/g),
    features: last(/\bft: (\d+)/g),
    artifact: /Test unit written to (\S+)/.exec(output)?.[1] ?? '',
  };
}

/**
 * As many at a time as there are processors, four at most.
 * @param {readonly string[]} targets
 * @param {(target: string) => Promise<Result>} work
 */
async function inParallel(targets, work) {
  const waiting = [...targets];
  /** @type {Result[]} */
  const results = [];
  const worker = async () => {
    for (let target = waiting.shift(); target !== undefined; target = waiting.shift()) {
      const result = await work(target);
      results.push(result);
      console.log(line(result));
    }
  };
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), 4) }, worker));
  return results.sort((a, b) => a.target.localeCompare(b.target));
}

/** @param {Result} result */
function line({ target, good, executions, edges, features, seconds }) {
  const numbers = `${executions} executions, cov ${edges}, ft ${features}, ${seconds.toFixed(1)} s`;
  return `${good ? 'ok    ' : 'FAILED'} ${target.padEnd(16)} ${numbers}`;
}

/**
 * What was found, with the end of what the target said of it, and the command that shows it again.
 * @param {Result} result
 */
export function finding({ target, output, artifact }) {
  const again = artifact === '' ? '' : `\n  -> npm run fuzz -- ${target} --input ${artifact}`;
  return `${output.trimEnd().split('\n').slice(-60).join('\n')}\n\nerror: ${target} has found something${again}`;
}
