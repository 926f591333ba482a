// @ts-check
/** The benchmarks of rust/: times by criterion, bytes by an allocator that counts, instructions by callgrind. */
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { artifactsOf } from '../build.mjs';
import { ROOT, run } from '../run.mjs';
import { expectSuccess, Failure, step } from '../steps.mjs';

const RESULTS = join(ROOT, 'target/criterion');
const TIMED = [
  ['spki-pinning-core', 'check', 'configure'],
  ['spki-pinning-net', 'request'],
];

/**
 * Times.
 * @param {boolean} quick
 * @returns {Promise<import('./tables.mjs').Measurement[]>}
 */
export async function benchmarkRust(quick) {
  await rm(RESULTS, { recursive: true, force: true }); // else results of benchmarks that are gone are printed too
  await step('benchmarks of Rust', async () => {
    for (const [name = '', ...benchmarks] of TIMED) {
      const which = benchmarks.flatMap((benchmark) => ['--bench', benchmark]);
      const options = quick ? ['--', '--quick'] : [];
      const args = ['bench', '--locked', '-p', name, ...which, ...options];
      const outcome = await run('cargo', args, { show: 'all' });
      if (outcome.code !== 0) throw new Failure('cargo bench failed: see above');
    }
  });
  const found = await measurements();
  if (found.length === 0) throw new Failure('criterion left no results');
  return found;
}

/** In the order of their names. */
async function measurements() {
  const files = await readdir(RESULTS, { recursive: true });
  const runs = files.filter((file) => file.endsWith(join('new', 'benchmark.json'))).sort();
  return Promise.all(
    runs.map(async (file) => {
      const { group_id: group, title, full_id: id } = await readJson(file);
      const { slope, mean } = await readJson(file.replace('benchmark.json', 'estimates.json'));
      return { group, name: (id ?? title).slice(group.length + 1), ns: (slope ?? mean).point_estimate };
    }),
  );
}

/** @param {string} file */
async function readJson(file) {
  return JSON.parse(await readFile(join(RESULTS, file), 'utf8'));
}

/**
 * What pins take of Rust's heap: for each number of domains the bytes in force, and those in use at most on the way.
 * @returns {Promise<{ domains: number, inForce: number, atMost: number }[]>}
 */
export async function measureRustMemory() {
  const program = await builtBenchmark('memory');
  const outcome = await step('memory of Rust', () => run(program, []));
  expectSuccess('the measurement of memory failed', outcome);
  return outcome.stdout
    .trim()
    .split('\n')
    .map((line) => {
      const [domains = 0, inForce = 0, atMost = 0] = line.split('\t').map(Number);
      return { domains, inForce, atMost };
    });
}

/**
 * How many instructions each operation takes.
 * @returns {Promise<{ name: string, instructions: number }[]>}
 */
export async function countInstructions() {
  const program = await builtBenchmark('instructions');
  const list = await run(program, []);
  expectSuccess('the operations cannot be listed', list);
  return step('instructions', async () => {
    const counted = [];
    for (const line of list.stdout.trim().split('\n')) {
      const [times = '', name = ''] = line.split('\t');
      const repetitions = Number(times);
      const [once, twice] = await Promise.all(
        [repetitions, 2 * repetitions].map((count) => instructionsOf(program, name, count)),
      );
      counted.push({ name, instructions: Math.round(((twice ?? 0) - (once ?? 0)) / repetitions) });
    }
    return counted;
  });
}

/**
 * @param {string} program
 * @param {string} name
 * @param {number} times
 */
async function instructionsOf(program, name, times) {
  const valgrind = ['--tool=callgrind', '--callgrind-out-file=/dev/null'];
  const outcome = await run('valgrind', [...valgrind, program, name, `${times}`]);
  expectSuccess(`valgrind cannot run "${name}"`, outcome);
  const collected = /Collected : (\d+)/.exec(outcome.stderr)?.[1];
  if (collected === undefined) throw new Failure('callgrind has counted nothing', { output: outcome.stderr });
  return Number(collected);
}

/**
 * @param {string} name of a benchmark of rust/core
 * @returns {Promise<string>} its path
 */
async function builtBenchmark(name) {
  const what = ['-p', 'spki-pinning-core', '--bench', name, '--no-run'];
  const args = ['bench', '--locked', ...what, '--message-format=json-render-diagnostics'];
  const outcome = await step(`benchmark "${name}"`, () => run('cargo', args, { show: 'progress' }));
  const built = artifactsOf(outcome.stdout).find(({ target }) => target.name === name);
  if (outcome.code !== 0 || !built?.executable) throw new Failure(`cargo cannot build the benchmark ${name}`);
  return built.executable;
}
