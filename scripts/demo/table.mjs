// @ts-check
/** The demo's table. */
import { styleFor } from '../../lib/cli/output.js';

/**
 * @typedef {object} Row
 * @property {string} what
 * @property {string} expected
 * @property {string} happened
 * @property {string} why
 * @property {number} seen requests that reached the server
 * @property {boolean} good
 */

export class Table {
  #style = styleFor(process.stdout);
  #rows = 0;
  #bad = 0;

  /** @param {string} text */
  title(text) {
    if (this.#rows === 0) this.#line('', 'what is tried', 'expected', 'happened', 'why', 'server saw');
    console.log(`\n${this.#style.bold(text)}`);
  }

  /** @param {Row} row */
  row({ what, expected, happened, why, seen, good }) {
    const paint = happened === 'allowed' ? this.#style.good : this.#style.bad;
    this.#count(good);
    this.#line(
      this.#mark(good),
      what,
      expected,
      happened,
      why,
      seen === 0 ? 'nothing' : `${seen} request`,
      paint,
    );
  }

  /**
   * Something that is so or not.
   * @param {string} what
   * @param {() => Promise<boolean>} isSo
   */
  async check(what, isSo) {
    const good = await isSo();
    this.#count(good);
    console.log(`${this.#mark(good)} ${what.padEnd(47)} ${good ? 'yes' : this.#style.bad('no')}`);
  }

  /** The exit code. */
  end() {
    const { bold, good, bad } = this.#style;
    const verdict = this.#bad === 0 ? good('all as expected') : bad(`${this.#bad} not as expected`);
    console.log(`\n${bold(`${this.#rows} trials`)}: ${verdict}`);
    return this.#bad === 0 ? 0 : 1;
  }

  /** @param {boolean} good */
  #count(good) {
    this.#rows += 1;
    if (!good) this.#bad += 1;
  }

  /** @param {boolean} good */
  #mark(good) {
    return good ? this.#style.good('ok  ') : this.#style.bad('FAIL');
  }

  /**
   * @param {string} mark
   * @param {string} what
   * @param {string} expected
   * @param {string} happened
   * @param {string} why
   * @param {string} seen
   */
  #line(mark, what, expected, happened, why, seen, paint = (/** @type {string} */ text) => text) {
    const cells = [
      mark.padEnd(4),
      what.padEnd(47),
      expected.padEnd(9),
      paint(happened.padEnd(9)),
      why.padEnd(16),
      seen,
    ];
    console.log(cells.join(' ').trimEnd());
  }
}
