// @ts-check
/** The benchmarks of android/jvm: the library as apps carry it, called as android/ calls it, beside OkHttp and the peer. */
import { readFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { build, installPackages, TESTBED } from '../build.mjs';
import { buildHostLibrary } from '../native.mjs';
import { ROOT, run } from '../run.mjs';
import { expectSuccess, Failure, step } from '../steps.mjs';

const JVM = join(ROOT, 'android/jvm/benchmarks/target');

/**
 * Turns with new connections of either kind, with pooled ones, and with each kind to a server that is not on this machine: for a
 * median that is certain to about a hundredth, and to a thousandth where the distance takes most of the time.
 */
const TURNS = { thorough: ['2500', '10000', '300'], quick: ['300', '1500', '50'] };

/**
 * A median between those that it is, with 95 % certainty.
 * @typedef {readonly [number, number, number]} Median
 */

/**
 * A whole request, compared with the one without pins of the same turn.
 * @typedef {{ how: string, name: string, turns: number, ns: number, ratio: Median, addedCpuNs: Median }} Request
 */

/**
 * Bytes on the JVM's heap.
 * @typedef {{ domains: number, certificatePinner: number, thisPackage: number }} Heap
 */

/**
 * @param {boolean} quick
 * @returns {Promise<{ times: import('./tables.mjs').Measurement[], requests: Request[], heap: Heap[] }>}
 */
export async function benchmarkJvm(quick) {
  await installPackages();
  await build(); // the testbed
  const library = await buildHostLibrary({ testing: false });
  await step('build for the JVM', async () => {
    const args = ['-B', '-q', '-f', join(ROOT, 'android/pom.xml'), '-pl', 'jvm/benchmarks', '-am'];
    expectSuccess('Maven cannot build the benchmarks', await run('mvn', [...args, 'process-classes']));
  });
  const properties = {
    'java.library.path': dirname(library),
    'spki.vectors': join(ROOT, 'tests/vectors'),
    'spki.testbed': TESTBED,
  };
  const classes = [join(JVM, 'classes'), await readFile(join(JVM, 'class-path'), 'utf8')].join(delimiter);
  const defines = Object.entries(properties).map(([name, value]) => `-D${name}=${value}`);
  const java = [...defines, '-cp', classes];
  return {
    requests: await measureRequests(java, quick),
    heap: await measureHeap(java),
    times: await runJmh(java, quick),
  };
}

/**
 * @param {readonly string[]} java
 * @param {boolean} quick
 * @returns {Promise<Request[]>}
 */
async function measureRequests(java, quick) {
  const turns = quick ? TURNS.quick : TURNS.thorough;
  const outcome = await step('requests of React Native', () =>
    run('java', [...java, 'com.spkipinning.RequestMeasurement', ...turns]),
  );
  expectSuccess('the requests failed', outcome);
  return JSON.parse(outcome.stdout.trim().split('\n').at(-1) ?? '');
}

/**
 * @param {readonly string[]} java
 * @returns {Promise<Heap[]>}
 */
async function measureHeap(java) {
  const outcome = await step('memory of the JVM', () =>
    run('java', [...java, 'com.spkipinning.MemoryMeasurement']),
  );
  expectSuccess('the measurement of memory failed', outcome);
  return outcome.stdout
    .trim()
    .split('\n')
    .map((line) => {
      const [domains = 0, certificatePinner = 0, thisPackage = 0] = line.split('\t').map(Number);
      return { domains, certificatePinner, thisPackage };
    });
}

/**
 * @param {readonly string[]} java
 * @param {boolean} quick
 */
function runJmh(java, quick) {
  return step('benchmarks of the JVM', async () => {
    const pace = quick ? ['-w', '100ms', '-r', '100ms'] : [];
    const steady = await jmh(java, 'CheckBenchmark|InitializeBenchmark', pace);
    // The start of a process cannot be cut short: fewer processes.
    const starts = await jmh(java, 'StartBenchmark', quick ? ['-f', '3'] : []);
    return [...steady, ...starts].map(measurementOf);
  });
}

/**
 * @typedef {object} JmhResult
 * @property {string} benchmark class and method
 * @property {Readonly<Record<string, string>>} params
 * @property {{ scorePercentiles: Readonly<Record<string, number>> }} primaryMetric in nanoseconds
 */

/**
 * @param {readonly string[]} java
 * @param {string} which a regular expression
 * @param {readonly string[]} options
 * @returns {Promise<JmhResult[]>}
 */
async function jmh(java, which, options) {
  const results = join(JVM, 'results.json');
  const args = ['org.openjdk.jmh.Main', '-foe', 'true', '-rf', 'json', '-rff', results, ...options, which];
  const outcome = await run('java', [...java, ...args], { show: 'all' });
  if (outcome.code !== 0) throw new Failure('JMH failed: see above');
  return JSON.parse(await readFile(results, 'utf8'));
}

/**
 * @param {JmhResult} result
 * @returns {import('./tables.mjs').Measurement} the median
 */
function measurementOf({ benchmark, params, primaryMetric }) {
  const [kind = '', method = ''] = benchmark.split('.').slice(-2);
  const ns = primaryMetric.scorePercentiles['50.0'] ?? Number.NaN;
  const { certificates, match, domains } = params;
  if (kind === 'InitializeBenchmark') {
    return { group: 'initialising on a JVM', name: `${method}: ${domains} domains`, ns };
  }
  if (kind === 'StartBenchmark') {
    return { group: 'start of a process', name: `${method}: ${domains} domains`, ns };
  }
  const name = `${method}: ${certificates} certificates, match at ${match}, ${domains} domains`;
  return { group: 'check on a JVM', name, ns };
}
