// @ts-check
/**
 * `npm run bench`: measures, side by side in one run, and prints the ratios first. `npm run bench -- --quick` is rough and
 * fast. Run it on a machine that does nothing else; docs/benchmarks.md keeps what was found.
 */
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT, run } from './lib/run.mjs';
import { Failure, main, step } from './lib/steps.mjs';
import { requireTools } from './lib/tools.mjs';

const RESULTS = join(ROOT, 'target/criterion');
const PACKAGES = ['-p', 'spki-pinning-core', '-p', 'spki-pinning-net'];

/** What each measurement is compared with: its group, and the one of the group that stands for 1. */
const BASES = [
  { group: 'check, chain of three', base: /^bare SHA-256 of the same keys\/(.*)$/, of: /^match at\/(.*)$/ },
  { group: 'check by number of domains, match at intermediate', base: /^(1)$/, of: /^()(?!1$)\d+$/ },
  { group: 'request, new connection, full handshake', base: /^(without pins)$/, of: /^()(?!without)/ },
  { group: 'request, pooled connection', base: /^(without pins)$/, of: /^()(?!without)/ },
];

/**
 * One measurement.
 * @typedef {{ group: string, name: string, ns: number }} Measurement
 */

await main(async () => {
  await requireTools(['cargo', 'rustc', 'cc']);
  await rm(RESULTS, { recursive: true, force: true }); // else results of benchmarks that are gone are printed too
  const quick = process.argv.includes('--quick') ? ['--', '--quick'] : [];
  await step('benchmarks', async () => {
    const outcome = await run('cargo', ['bench', '--locked', ...PACKAGES, '--benches', ...quick], {
      show: 'all',
    });
    if (outcome.code !== 0) throw new Failure('cargo bench failed: see above');
  });
  const found = await measurements();
  if (found.length === 0) throw new Failure('criterion left no results');
  console.log(`\n${[...ratios(found), '', ...times(found)].join('\n')}`);
  return 0;
});

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
