// @ts-check
/**
 * Layers side by side, for a machine that has nothing else to do: each in a process of its own, so that what they print
 * does not mix. Layers of one lane come one after the other.
 */
import { countsOfLayers, NONE, settle } from './counts.mjs';
import { run } from './run.mjs';
import { secondsSince } from './steps.mjs';

/** How often it is said what is still at work: a log without news is taken for a hanging one. */
const NEWS_MS = 120_000;

/**
 * @typedef {object} Result
 * @property {string} name
 * @property {import('./counts.mjs').Counts} counts
 * @property {number} seconds
 */

/**
 * Runs `npm test` for one layer after the other of each lane, and prints what each has printed when it ends; at once what
 * there is of all, if this process is told to end.
 * @param {readonly { name: string, lane: string }[]} layers
 * @param {(name: string) => readonly [string, ...string[]]} command that tests a layer
 * @returns {Promise<Result[]>} in the order of the layers
 */
export async function inLanes(layers, command) {
  /** @type {Map<string, string[]>} what the layers at work have printed */
  const atWork = new Map();
  const end = () => {
    for (const [name, output] of atWork) print(name, output, 'not at its end');
    process.exit(1);
  };
  process.once('SIGTERM', end).once('SIGINT', end);
  const news = setInterval(() => console.log(`at work: ${[...atWork.keys()].join(', ')}`), NEWS_MS);

  /** @type {Map<string, Result>} */
  const results = new Map();
  const lanes = [...new Set(layers.map(({ lane }) => lane))];
  const work = async (/** @type {string} */ lane) => {
    for (const { name } of layers.filter((layer) => layer.lane === lane)) {
      const output = /** @type {string[]} */ ([]);
      const start = performance.now();
      atWork.set(name, output);
      const [program, ...args] = command(name);
      const { code } = await run(program, args, { hear: (text) => output.push(text) });
      atWork.delete(name);
      const seconds = secondsSince(start);
      print(name, output, `${seconds.toFixed(1)} s`);
      // A process that dies has not said how many failed.
      results.set(name, { name, seconds, counts: settle(countsOfLayers(output.join('')) ?? NONE, code) });
    }
  };
  await Promise.all(lanes.map(work));

  clearInterval(news);
  process.off('SIGTERM', end).off('SIGINT', end);
  return layers.flatMap(({ name }) => results.get(name) ?? []);
}

/**
 * @param {string} name
 * @param {readonly string[]} output
 * @param {string} note
 */
function print(name, output, note) {
  process.stdout.write(`\n══ ${name} (${note}) ══\n${output.join('')}`);
}
