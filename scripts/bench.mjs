// @ts-check
/**
 * `npm run bench`: measures, side by side in one run, and prints the ratios first. `npm run bench -- --quick` is rough and
 * fast. Run it on a machine that does nothing else; docs/benchmarks.md keeps what was found.
 *
 * `npm run bench -- --instructions` counts instructions instead, which are the same whatever else the machine does.
 */
import { benchmarkJvm } from './lib/benchmarks/jvm.mjs';
import { benchmarkRust, countInstructions, measureRustMemory } from './lib/benchmarks/rust.mjs';
import { instructions, memory, ratios, requests, times } from './lib/benchmarks/tables.mjs';
import { Failure, main } from './lib/steps.mjs';
import { benchmarkSwift } from './lib/swift.mjs';
import { requireTools } from './lib/tools.mjs';

const OPTIONS = ['--quick', '--instructions'];

await main(async () => {
  const unknown = process.argv.slice(2).find((option) => !OPTIONS.includes(option));
  if (unknown !== undefined) throw new Failure(`there is no option ${unknown}: ${OPTIONS.join(', ')}`);
  if (process.argv.includes('--instructions')) {
    await requireTools(['cargo', 'rustc', 'cc', 'valgrind']);
    console.log(`\n${instructions(await countInstructions())}`);
    return 0;
  }
  await requireTools(['node', 'cargo', 'rustc', 'cc', 'java', 'mvn', 'swift']);
  const quick = process.argv.includes('--quick');
  const swift = (await benchmarkSwift()).flatMap(({ match, uniffiNs, cNs }) => [
    { group: 'check from Swift', name: `by uniffi: match at ${match}`, ns: uniffiNs },
    { group: 'check from Swift', name: `by the C function: match at ${match}`, ns: cNs },
  ]);
  const rust = await benchmarkRust(quick);
  const rustMemory = await measureRustMemory();
  const jvm = await benchmarkJvm(quick);
  const found = [...rust, ...jvm.times, ...swift];
  const tables = [ratios(found), requests(jvm.requests), memory(jvm.heap, rustMemory), times(found)];
  console.log(`\n${tables.join('\n\n')}`);
  return 0;
});
