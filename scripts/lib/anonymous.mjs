// @ts-check
/** What ships does not tell where it was built: neither the names on the machine, nor whose it is. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, parse, resolve } from 'node:path';
import { ROOT, run } from './run.mjs';
import { expectSuccess, Failure } from './steps.mjs';

/**
 * The environment in which cargo builds without this machine's paths. All scripts use it for what they build optimised, so
 * that none makes another's work over again.
 * @param {string} [rustc] the compiler
 * @returns {Promise<Readonly<Record<string, string>>>}
 */
export async function anonymousPaths(rustc = 'rustc') {
  const { CARGO_ENCODED_RUSTFLAGS: encoded, RUSTFLAGS = '', CFLAGS = '' } = process.env;
  const rust = encoded === undefined ? RUSTFLAGS.split(' ') : encoded.split('\x1f');
  const pairs = await replacements(rustc);
  const remapped = pairs.map(([from, to]) => `--remap-path-prefix=${from}=${to}`);
  const flags = { CARGO_ENCODED_RUSTFLAGS: [...rust.filter(Boolean), ...remapped].join('\x1f') };
  // Visual Studio's compiler has no such option, and keeps paths apart from what it links.
  if (process.platform === 'win32') return flags;
  // ring's C has debug information, which stays in a static library.
  const mapped = pairs.map(([from, to]) => `'-ffile-prefix-map=${from}=${to}'`);
  return { ...flags, CFLAGS: [CFLAGS, ...mapped].join(' ').trim(), CC_SHELL_ESCAPED_FLAGS: '1' };
}

/**
 * Directories and what stands for them; of two that fit rustc takes the later one.
 * @param {string} rustc
 * @returns {Promise<(readonly [from: string, to: string])[]>}
 */
async function replacements(rustc) {
  const [sysroot, sources] = await Promise.all([sysrootOf(rustc), registrySources()]);
  return [
    ...Object.entries(directories()),
    [join(sysroot, 'lib/rustlib/src/rust'), 'rust'],
    // The registry's name is part of these.
    ...sources.map((directory) => /** @type {const} */ ([directory, 'crates'])),
  ];
}

/** @returns {Readonly<Record<string, string>>} this machine's directories, and what stands for them */
function directories() {
  const cargo = process.env.CARGO_HOME ?? join(homedir(), '.cargo');
  const rustup = process.env.RUSTUP_HOME ?? join(homedir(), '.rustup');
  const all = { [homedir()]: 'home', [cargo]: 'cargo', [rustup]: 'rustup', [resolve(ROOT)]: 'spki-pinning' };
  return Object.fromEntries(Object.entries(all).filter(([path]) => path !== parse(path).root));
}

/**
 * The paths of this machine that a file tells.
 * @param {Buffer} content
 * @returns {string[]}
 */
export function machinePaths(content) {
  const text = content.toString('latin1');
  const spellings = Object.keys(directories()).flatMap((path) => [path, path.replaceAll('\\', '/')]);
  const ends = spellings.flatMap((path) => [`${path}/`, `${path}\\`]);
  return [...new Set(ends)].filter((path) => text.includes(path));
}

/**
 * Fails if a library tells where it was built.
 * @param {string} file
 */
export async function requireAnonymous(file) {
  const found = machinePaths(await readFile(file));
  if (found.length > 0) throw new Failure(`${file} has paths of this machine: ${found.join(', ')}`);
}

/**
 * Where a compiler has its libraries.
 * @param {string} rustc
 */
export async function sysrootOf(rustc) {
  const outcome = await run(rustc, ['--print', 'sysroot']);
  expectSuccess('rustc does not say where its library is', outcome);
  return outcome.stdout.trim();
}

/** The directories that hold the source of the crates of Cargo.lock, which are downloaded for that. */
async function registrySources() {
  const outcome = await run('cargo', ['metadata', '--locked', '--format-version', '1']);
  expectSuccess('cargo cannot get the crates of Cargo.lock', outcome);
  /** @type {{ packages: { source: string | null, manifest_path: string }[] }} */
  const { packages } = JSON.parse(outcome.stdout);
  const downloaded = packages.filter(({ source }) => source !== null);
  return [...new Set(downloaded.map(({ manifest_path: manifest }) => dirname(dirname(manifest))))].sort();
}
