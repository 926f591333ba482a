// @ts-check
/**
 * `npm run fuzz`: every target for a minute. `npm run fuzz -- TARGET… --seconds 600`: those, for so long.
 * `npm run fuzz -- TARGET --input FILE`: one input once, for what was found. Exit code 1 if something is.
 */
import { parseArgs } from 'node:util';
import { buildFuzzTargets, finding, fuzz, fuzzTargets, reproduce } from './lib/fuzz.mjs';
import { Failure, main } from './lib/steps.mjs';
import { requireTools } from './lib/tools.mjs';

const USAGE = 'npm run fuzz -- [TARGET…] [--seconds N] [--input FILE]';

await main(async () => {
  const { targets, seconds, input } = await asked();
  await requireTools(['node', 'cargo', 'rustc', 'cc', 'c++']);
  const directory = await buildFuzzTargets();
  const results =
    input === undefined
      ? await fuzz(directory, targets, seconds)
      : await Promise.all(targets.map((target) => reproduce(directory, target, input)));
  const bad = results.filter(({ good }) => !good);
  for (const result of bad) console.error(`\n${finding(result)}`);
  const executions = results.reduce((all, result) => all + result.executions, 0);
  console.log(`\n${results.length} targets, ${executions} executions, ${bad.length} findings`);
  return bad.length === 0 ? 0 : 1;
});

async function asked() {
  const { values, positionals } = parsed();
  const known = await fuzzTargets();
  const unknown = positionals.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new Failure(`there is no fuzz target ${unknown}`, { hint: `the targets are ${known.join(', ')}` });
  }
  const seconds = Number(values.seconds);
  if (!Number.isInteger(seconds) || seconds < 1) {
    throw new Failure(`--seconds ${values.seconds}: that is no number of seconds`, { hint: USAGE });
  }
  if (values.input !== undefined && positionals.length !== 1) {
    throw new Failure('an input is for one target', { hint: USAGE });
  }
  return { targets: positionals.length === 0 ? known : positionals, seconds, input: values.input };
}

function parsed() {
  const options = /** @type {const} */ ({
    seconds: { type: 'string', default: '60' },
    input: { type: 'string' },
  });
  try {
    return parseArgs({ options, allowPositionals: true });
  } catch (error) {
    throw new Failure(error instanceof Error ? error.message : String(error), { hint: USAGE });
  }
}
