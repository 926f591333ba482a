// @ts-check
/** What the scripts print: a line a step with the time it took, and failures with what to do about them. */

/** Something that a person has to mend. It is reported without a stack. */
export class Failure extends Error {
  /**
   * @param {string} message
   * @param {{ hint?: string, output?: string }} [more] a command that helps; what a tool printed
   */
  constructor(message, { hint = '', output = '' } = {}) {
    super(message);
    this.name = 'Failure';
    this.hint = hint;
    this.output = output;
  }
}

/**
 * The failure of a tool, unless it ended well.
 * @param {string} message
 * @param {import('./run.mjs').Outcome} outcome
 * @param {string} [hint]
 */
export function expectSuccess(message, outcome, hint = '') {
  if (outcome.code === 0) return;
  throw new Failure(message, { hint, output: outcome.stdout + outcome.stderr });
}

/**
 * Does a piece of work and prints how it went.
 * @template T
 * @param {string} title
 * @param {() => Promise<T>} work
 * @param {(result: T) => string} [note] what to say of the result
 * @returns {Promise<T>}
 */
export async function step(title, work, note = () => '') {
  const start = performance.now();
  try {
    const result = await work();
    print('ok', title, start, note(result));
    return result;
  } catch (error) {
    print('FAILED', title, start, '');
    throw error;
  }
}

/**
 * @param {string} state
 * @param {string} title
 * @param {number} start
 * @param {string} note
 */
function print(state, title, start, note) {
  const time = `${secondsSince(start).toFixed(1)} s`;
  console.log(`${state.padEnd(6)} ${title.padEnd(26)} ${time.padStart(8)}${note === '' ? '' : `   ${note}`}`);
}

/** @param {number} start of `performance.now()` */
export function secondsSince(start) {
  return (performance.now() - start) / 1000;
}

/** @param {unknown} error */
export function report(error) {
  if (!(error instanceof Failure)) {
    console.error(error);
    return;
  }
  if (error.output.trim() !== '') console.error(`\n${error.output.trimEnd()}\n`);
  console.error(`error: ${error.message}`);
  if (error.hint !== '') console.error(`  -> ${error.hint}`);
}

/**
 * Runs a script. Exit code 1 and the failure if there is one.
 * @param {() => Promise<number | undefined>} script may say the exit code
 */
export async function main(script) {
  try {
    process.exitCode = (await script()) ?? 0;
  } catch (error) {
    report(error);
    process.exitCode = 1;
  }
}
