/**
 * `npm test`, or `npm run test:LAYER` for one layer. A layer whose code does not exist yet is named and fails
 * nothing. One that cannot run here, for want of a tool, makes the exit code 3; with CI=true it has failed, and layers run
 * side by side.
 */
import { fileURLToPath } from 'node:url';
import { build } from './lib/build.mjs';
import { NONE, settle, sum, totalOf } from './lib/counts.mjs';
import { inLanes } from './lib/lanes.mjs';
import { exists, LAYERS } from './lib/layers.mjs';
import { Failure, main, report, secondsSince } from './lib/steps.mjs';
import { obstacle } from './lib/tools.mjs';

const EXIT = { good: 0, failed: 1, notRun: 3 };
const IN_CI = process.env.CI === 'true';

await main(async () => {
  const layers = chosen(process.argv.slice(2));
  for (const { name, code } of layers.filter((layer) => !exists(layer))) {
    console.log(`not there yet: ${name} (there is no ${code})`);
  }
  const obstacles = await findObstacles(layers.filter(exists));
  reportObstacles(obstacles);

  const able = layers.filter((layer) => exists(layer) && !obstacles.has(layer.name));
  const unable = layers.filter((layer) => obstacles.has(layer.name));
  const results = [
    ...(IN_CI && able.length > 1 ? await testInLanes(able) : await testInTurn(able)),
    ...(IN_CI ? unable.map(({ name }) => ({ name, counts: settle(NONE, 1), seconds: 0 })) : []),
  ];
  const total = sum(results.map(({ counts }) => counts));

  if (results.length > 0) console.log(`\n${table(results)}\n`);
  reportObstacles(obstacles);
  console.log(totalOf(total));
  if (total.failed > 0) return EXIT.failed;
  return obstacles.size > 0 ? EXIT.notRun : EXIT.good;
});

function chosen(names) {
  const unknown = names.find((name) => !LAYERS.some((layer) => layer.name === name));
  if (unknown !== undefined) {
    const known = LAYERS.map(({ name }) => name).join(', ');
    throw new Failure(`there is no layer ${unknown}`, { hint: `the layers are ${known}` });
  }
  return names.length === 0 ? LAYERS : LAYERS.filter(({ name }) => names.includes(name));
}

/** Why layers cannot run here, by their names. */
async function findObstacles(layers) {
  const answers = await Promise.all(layers.map(async ({ name, tools }) => [name, await obstacle(tools)]));
  return new Map(answers.filter(([, failure]) => failure !== null));
}

function reportObstacles(obstacles) {
  for (const [name, { message, hint }] of obstacles)
    console.log(`cannot run: ${name}: ${message}\n  -> ${hint}`);
}

async function testInTurn(layers) {
  const results = [];
  for (const layer of layers) results.push(await test(layer));
  return results;
}

async function testInLanes(layers) {
  // Once, or both lanes would write the same files.
  await build();
  return inLanes(layers, (name) => [process.execPath, fileURLToPath(import.meta.url), name]);
}

async function test({ name, run }) {
  console.log(`\n── ${name} ──`);
  const start = performance.now();
  const counts = await run().catch((error) => {
    report(error);
    return settle(NONE, 1);
  });
  return { name, counts, seconds: secondsSince(start) };
}

function table(results) {
  const rows = results.map(({ name, counts, seconds }) => [
    name,
    ...[counts.passed, counts.failed, counts.skipped].map(String),
    seconds.toFixed(1),
  ]);
  return [['layer', 'passed', 'failed', 'skipped', 'seconds'], ...rows]
    .map(([name, ...numbers]) => name.padEnd(14) + numbers.map((number) => number.padStart(9)).join(''))
    .join('\n');
}
