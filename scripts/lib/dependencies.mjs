// @ts-check
/** What a library carries because of each of its dependencies. */
import { run } from './run.mjs';
import { expectSuccess } from './steps.mjs';

/** Crates of this workspace have names like this; what they depend on is a dependency. */
const OWN = /^spki_pinning/;

/**
 * Code by dependency: that of the crate itself, and of the crates that nothing else brings along.
 * @param {string} target Rust's name
 * @param {ReadonlyMap<string, number>} crates code by crate, as a linker's map has it
 * @returns {Promise<Map<string, number>>} the largest first; what several bring along stands for itself
 */
export async function codeByDependency(target, crates) {
  const format = ['--prefix', 'depth', '--no-dedupe', '--format', ' {p}'];
  const what = ['-p', 'spki-pinning-ffi', '--edges', 'normal', '--target', target];
  const outcome = await run('cargo', ['tree', '--locked', ...what, ...format]);
  expectSuccess('cargo does not know the dependencies', outcome);
  const owners = ownersOf(outcome.stdout);
  /** @type {Map<string, number>} */
  const sums = new Map();
  for (const [crate, size] of crates) {
    const [owner = crate, ...others] = owners.get(crate) ?? [];
    const name = others.length === 0 ? owner : crate;
    sums.set(name, (sums.get(name) ?? 0) + size);
  }
  return new Map([...sums].sort(([, one], [, other]) => other - one));
}

/**
 * Which dependencies of this workspace's own crates bring each crate along.
 * @param {string} tree as `cargo tree --prefix depth --no-dedupe` prints it
 * @returns {Map<string, Set<string>>}
 */
export function ownersOf(tree) {
  /** @type {Map<string, Set<string>>} */
  const owners = new Map();
  /** @type {string[]} */
  const path = [];
  for (const line of tree.split('\n')) {
    const [, depth = '', name = ''] = /^(\d+) (\S+)/.exec(line) ?? [];
    if (name === '') continue;
    const crate = name.replaceAll('-', '_');
    path.length = Number(depth);
    path.push(crate);
    const owner = path.find((each) => !OWN.test(each));
    if (owner !== undefined) owners.set(crate, (owners.get(crate) ?? new Set()).add(owner));
  }
  return owners;
}
