// @ts-check
/**
 * `npm run bench`: measures, side by side in one run, and prints the ratios first. `npm run bench -- --quick` is rough and
 * fast. Run it on a machine that does nothing else; docs/benchmarks.md keeps what was found.
 */
import { readdir, readFile, rm } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { installPackages } from './lib/build.mjs';
import { buildHostLibrary } from './lib/native.mjs';
import { ROOT, run } from './lib/run.mjs';
import { expectSuccess, Failure, main, step } from './lib/steps.mjs';
import { benchmarkSwift } from './lib/swift.mjs';
import { requireTools } from './lib/tools.mjs';

const RESULTS = join(ROOT, 'target/criterion');
const JVM = join(ROOT, 'android/jvm/benchmarks/target');
const PACKAGES = ['-p', 'spki-pinning-core', '-p', 'spki-pinning-net'];

/** What each measurement is compared with: its group, and the one of the group that stands for 1. */
const BASES = [
  { group: 'check, chain of three', base: /^bare SHA-256 of the same keys\/(.*)$/, of: /^match at\/(.*)$/ },
  { group: 'check by number of domains, match at intermediate', base: /^(1)$/, of: /^()(?!1$)\d+$/ },
  { group: 'request, new connection, full handshake', base: /^(without pins)$/, of: /^()(?!without)/ },
  { group: 'request, pooled connection', base: /^(without pins)$/, of: /^()(?!without)/ },
  { group: 'check on a JVM', base: /^certificatePinner: (.*)$/, of: /^thisPackage: (.*)$/ },
  { group: 'check from Swift', base: /^by the C function: (.*)$/, of: /^by uniffi: (.*)$/ },
  {
    group: 'check on a JVM',
    base: /^thisPackage: (JDK certificates, match at intermediate), 1 domains$/,
    of: /^thisPackage: (JDK certificates, match at intermediate), (?!1 )\d+ domains$/,
  },
];

/**
 * One measurement.
 * @typedef {{ group: string, name: string, ns: number }} Measurement
 */

await main(async () => {
  await requireTools(['node', 'cargo', 'rustc', 'cc', 'java', 'mvn', 'swift']);
  const quick = process.argv.includes('--quick');
  const swift = (await benchmarkSwift()).flatMap(({ match, uniffiNs, cNs }) => [
    { group: 'check from Swift', name: `by uniffi: match at ${match}`, ns: uniffiNs },
    { group: 'check from Swift', name: `by the C function: match at ${match}`, ns: cNs },
  ]);
  const found = [...(await benchmarkRust(quick)), ...(await benchmarkJvm(quick)), ...swift];
  console.log(`\n${[...ratios(found), '', ...times(found)].join('\n')}`);
  return 0;
});

/** @param {boolean} quick */
async function benchmarkRust(quick) {
  await rm(RESULTS, { recursive: true, force: true }); // else results of benchmarks that are gone are printed too
  await step('benchmarks of Rust', async () => {
    const options = quick ? ['--', '--quick'] : [];
    const outcome = await run('cargo', ['bench', '--locked', ...PACKAGES, '--benches', ...options], {
      show: 'all',
    });
    if (outcome.code !== 0) throw new Failure('cargo bench failed: see above');
  });
  const found = await measurements();
  if (found.length === 0) throw new Failure('criterion left no results');
  return found;
}

/**
 * The library as apps carry it, called as android/ calls it, beside OkHttp's CertificatePinner.
 * @param {boolean} quick
 */
async function benchmarkJvm(quick) {
  await installPackages();
  const library = await buildHostLibrary({ testing: false });
  await step('build for the JVM', async () => {
    const args = ['-B', '-q', '-f', join(ROOT, 'android/pom.xml'), '-pl', 'jvm/benchmarks', '-am'];
    expectSuccess('Maven cannot build the benchmarks', await run('mvn', [...args, 'process-classes']));
  });
  const results = join(JVM, 'results.json');
  await step('benchmarks of the JVM', async () => {
    const classes = [join(JVM, 'classes'), await readFile(join(JVM, 'class-path'), 'utf8')].join(delimiter);
    const properties = {
      'java.library.path': dirname(library),
      'spki.vectors': join(ROOT, 'tests/vectors'),
    };
    const defines = Object.entries(properties).map(([name, value]) => `-D${name}=${value}`);
    const jmh = ['-cp', classes, 'org.openjdk.jmh.Main', '-foe', 'true', '-rf', 'json', '-rff', results];
    const pace = quick ? ['-w', '200ms', '-r', '200ms'] : [];
    const outcome = await run('java', [...defines, ...jmh, ...pace], { show: 'all' });
    if (outcome.code !== 0) throw new Failure('JMH failed: see above');
  });
  return jmhMeasurements(JSON.parse(await readFile(results, 'utf8')));
}

/**
 * @typedef {object} JmhResult
 * @property {string} benchmark class and method
 * @property {Readonly<Record<string, string>>} [params]
 * @property {{ scorePercentiles: Readonly<Record<string, number>> }} primaryMetric in nanoseconds
 */

/**
 * @param {readonly JmhResult[]} results
 * @returns {Measurement[]} medians
 */
function jmhMeasurements(results) {
  return results.map(({ benchmark, params, primaryMetric }) => {
    const method = benchmark.slice(benchmark.lastIndexOf('.') + 1);
    const ns = primaryMetric.scorePercentiles['50.0'] ?? Number.NaN;
    if (params === undefined) return { group: 'start of a process', name: method, ns };
    const { certificates, match, domains } = params;
    const name = `${method}: ${certificates} certificates, match at ${match}, ${domains} domains`;
    return { group: 'check on a JVM', name, ns };
  });
}

/** @returns {Promise<Measurement[]>} in the order of their names */
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

/** @param {readonly Measurement[]} found */
function ratios(found) {
  const rows = BASES.flatMap(({ group, base, of }) => {
    const inGroup = found.filter((measurement) => measurement.group === group);
    return inGroup.flatMap((measurement) => {
      const subject = of.exec(measurement.name)?.[1];
      if (subject === undefined) return [];
      const against = inGroup.find(({ name }) => {
        const key = base.exec(name)?.[1];
        return key !== undefined && (subject === '' || key === subject);
      });
      if (against === undefined) return [];
      const ratio = (measurement.ns / against.ns).toFixed(2);
      return [`| ${group} | ${measurement.name} | ${against.name} | ${ratio} |`];
    });
  });
  return ['| | | compared with | ratio |', '| --- | --- | --- | ---: |', ...rows];
}

/** @param {readonly Measurement[]} found */
function times(found) {
  const rows = found.map(({ group, name, ns }) => `| ${group} | ${name} | ${inWords(ns)} |`);
  return ['| | | time |', '| --- | --- | ---: |', ...rows];
}

/** @param {number} ns */
function inWords(ns) {
  const units = /** @type {const} */ ([
    [1e6, 'ms'],
    [1e3, 'µs'],
    [1, 'ns'],
  ]);
  const [size, unit] = units.find(([least]) => ns >= least) ?? [1, 'ns'];
  return `${(ns / size).toPrecision(3)} ${unit}`;
}
