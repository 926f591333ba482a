// @ts-check
/** The tools that are not npm packages: whether they are there, and the command that gets them. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT, run, runNpm } from './run.mjs';
import { expectSuccess, Failure } from './steps.mjs';

/**
 * @typedef {'node' | 'cargo' | 'rustc' | 'rustfmt' | 'clippy' | 'cc' | 'c++' | 'openssl' | 'java' | 'mvn' | 'swift' | 'linux'
 *   | 'bash' | 'pip' | 'readelf' | 'unzip' | 'valgrind'} Tool
 */

/**
 * What is wrong with a tool and the command that helps.
 * @typedef {{ readonly message: string, readonly hint: string }} Problem
 */

const RUSTUP = "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh";
const ON_MACOS = process.platform === 'darwin';

/**
 * What it takes to build for Android without an NDK (scripts/lib/native.mjs).
 * @type {readonly Tool[]}
 */
export const ANDROID_TOOLCHAIN = ['linux', 'cargo', 'rustc', 'bash', 'mvn', 'pip', 'readelf', 'unzip'];

/** @type {Readonly<Record<Tool, () => Promise<Problem | null>>>} */
const CHECKS = {
  node: async () => oldNode(process.versions.node, JSON.parse(read('package.json')).engines.node),
  cargo: () => starts('cargo', ['--version'], 'cargo is missing', RUSTUP),
  rustc: async () => {
    const { missing, code, stdout, stderr } = await run('rustc', ['--version']);
    if (missing) return { message: 'rustc is missing', hint: RUSTUP };
    if (code !== 0)
      return { message: `rustc does not start: ${stderr.trim()}`, hint: 'rustup default stable' };
    return oldRustc(stdout, wantedRust(read('Cargo.toml')));
  },
  rustfmt: () => starts('cargo', ['fmt', '--version'], 'rustfmt is missing', 'rustup component add rustfmt'),
  clippy: () => starts('cargo', ['clippy', '--version'], 'clippy is missing', 'rustup component add clippy'),
  cc: async () => {
    if (process.platform === 'win32') return null; // rustc finds Visual Studio, and says so if it does not
    const hint = ON_MACOS ? 'xcode-select --install' : 'apt-get install build-essential';
    return starts('cc', ['--version'], 'a C compiler (cc) is missing', hint);
  },
  'c++': async () => {
    if (process.platform === 'win32') return null;
    const hint = ON_MACOS ? 'xcode-select --install' : 'apt-get install build-essential';
    return starts('c++', ['--version'], 'a C++ compiler (c++) is missing', hint);
  },
  openssl: () => {
    const hint = ON_MACOS ? 'brew install openssl' : 'apt-get install openssl';
    return starts('openssl', ['version'], 'openssl is missing, which the tests compare with', hint);
  },
  java: () => starts('javac', ['-version'], 'a JDK is missing', 'apt-get install openjdk-17-jdk-headless'),
  mvn: () => starts('mvn', ['--version'], 'Maven is missing', 'apt-get install maven'),
  linux: async () => {
    if (process.platform === 'linux' && process.arch === 'x64') return null;
    return { message: 'this is no Linux on x86_64', hint: 'run it on Debian or Ubuntu' };
  },
  bash: () => starts('bash', ['--version'], 'bash is missing', 'apt-get install bash'),
  pip: () => starts('python3', ['-m', 'pip', '--version'], 'pip is missing', 'apt-get install python3-pip'),
  readelf: () => starts('readelf', ['--version'], 'readelf is missing', 'apt-get install binutils'),
  unzip: () => starts('unzip', ['-v'], 'unzip is missing', 'apt-get install unzip'),
  valgrind: () =>
    starts('valgrind', ['--version'], 'valgrind is missing, which counts', 'apt-get install valgrind'),
  swift: async () => {
    if (ON_MACOS) return oldSwift((await run('swift', ['--version'])).stdout);
    const hint = 'as root: npm run test:ios';
    const message = 'Swift is installed into a root directory of its own, which only root can make and enter';
    if (process.platform !== 'linux') return { message: 'Swift tests run on Linux and macOS', hint: '' };
    return process.getuid?.() === 0 ? null : starts('sudo', ['-n', 'true'], message, hint);
  },
};

/**
 * What is wrong with the tools, all of it at once.
 * @param {readonly Tool[]} tools
 * @returns {Promise<Failure | null>}
 */
export async function obstacle(tools) {
  const answers = await Promise.all(tools.map((tool) => CHECKS[tool]()));
  const problems = answers.filter((problem) => problem !== null);
  if (problems.length === 0) return null;
  const hints = new Set(problems.map(({ hint }) => hint)); // one command may help with several
  return new Failure(problems.map(({ message }) => message).join('; '), { hint: [...hints].join('\n  -> ') });
}

/** @param {readonly Tool[]} tools */
export async function requireTools(tools) {
  const failure = await obstacle(tools);
  if (failure !== null) throw failure;
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {string} message
 * @param {string} hint
 * @returns {Promise<Problem | null>}
 */
async function starts(command, args, message, hint) {
  const { code } = await run(command, args);
  return code === 0 ? null : { message, hint };
}

/**
 * The `rust-version` of the workspace.
 * @param {string} cargoToml
 */
export function wantedRust(cargoToml) {
  const version = /^rust-version = "([\d.]+)"/m.exec(cargoToml)?.[1];
  if (version === undefined) throw new Failure('Cargo.toml has no rust-version');
  return version;
}

/**
 * @param {string} printed by `rustc --version`
 * @param {string} wanted
 * @returns {Problem | null}
 */
export function oldRustc(printed, wanted) {
  const version = /^rustc ([\d.]+)/.exec(printed)?.[1];
  if (version === undefined) return { message: `rustc says "${printed.trim()}"`, hint: RUSTUP };
  if (compareVersions(version, wanted) >= 0) return null;
  return { message: `rustc ${version} is too old: ${wanted} is needed`, hint: 'rustup update stable' };
}

/**
 * @param {string} printed by `swift --version`
 * @returns {Problem | null}
 */
export function oldSwift(printed) {
  const version = /\bSwift version ([\d.]+)/.exec(printed)?.[1];
  if (version === undefined) return { message: 'Swift is missing', hint: 'xcode-select --install' };
  if (compareVersions(version, '6.0') >= 0) return null;
  return { message: `Swift ${version} is too old: 6.0 is needed`, hint: 'update Xcode to 16 or newer' };
}

/**
 * @param {string} version
 * @param {string} range of the form `>=20.12`
 * @returns {Problem | null}
 */
export function oldNode(version, range) {
  const wanted = range.replace(/^>=/, '');
  if (compareVersions(version, wanted) >= 0) return null;
  return {
    message: `Node ${version} is too old: ${wanted} is needed`,
    hint: 'install it from https://nodejs.org',
  };
}

/**
 * Negative if `a` is the older one. What follows the numbers (`-nightly`) does not count.
 * @param {string} a
 * @param {string} b
 */
export function compareVersions(a, b) {
  const [left, right] = [a, b].map((version) => (version.split('-')[0] ?? '').split('.').map(Number));
  for (let index = 0; index < 3; index++) {
    const difference = (left?.[index] ?? 0) - (right?.[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** @param {string} path */
function read(path) {
  return readFileSync(join(ROOT, path), 'utf8');
}

const CARGO_DENY = '0.20.2';
const CARGO_VET = '0.10.3';
const CARGO_FUZZ = '0.13.2';

/**
 * The version of uniffi, which the workspace asks for exactly: bindings have to be made by the one that is in the library.
 * @param {string} cargoToml
 */
export function wantedUniffi(cargoToml) {
  const version = /^uniffi = \{ version = "=([\d.]+)"/m.exec(cargoToml)?.[1];
  if (version === undefined) throw new Failure('Cargo.toml asks for no exact version of uniffi');
  return version;
}

/** The path of uniffi-bindgen, which is installed into .tools if it is not there. */
export async function uniffiBindgen() {
  const version = wantedUniffi(read('Cargo.toml'));
  return cargoTool('uniffi-bindgen', version, ['uniffi', '--features', 'cli', '--bin', 'uniffi-bindgen']);
}

const KTLINT = '1.8.0';

/** The path of ktlint, a program for Java, which is installed into .tools if it is not there. */
export async function ktlint() {
  const directory = join(ROOT, '.tools/ktlint');
  const program = join(directory, `ktlint-cli-${KTLINT}-all.jar`);
  if (existsSync(program)) return program;
  const plugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy';
  const what = `-Dartifact=com.pinterest.ktlint:ktlint-cli:${KTLINT}:jar:all`;
  const outcome = await run('mvn', ['-q', '-B', plugin, what, `-DoutputDirectory=${directory}`]);
  expectSuccess('ktlint cannot be installed', outcome);
  return program;
}

/** The path of cargo-deny, which is installed into .tools if it is not there. */
export function cargoDeny() {
  return cargoTool('cargo-deny', CARGO_DENY, ['cargo-deny']);
}

/** The path of cargo-vet, which is installed into .tools if it is not there. */
export function cargoVet() {
  return cargoTool('cargo-vet', CARGO_VET, ['cargo-vet']);
}

/** The path of cargo-fuzz, which is installed into .tools if it is not there. */
export function cargoFuzz() {
  return cargoTool('cargo-fuzz', CARGO_FUZZ, ['cargo-fuzz']);
}

/**
 * The path of a program of crates.io, which is installed into .tools if it is not there.
 * @param {string} name
 * @param {string} version
 * @param {readonly string[]} what the arguments of `cargo install` that name it
 */
async function cargoTool(name, version, what) {
  const program = join(ROOT, '.tools/bin', process.platform === 'win32' ? `${name}.exe` : name);
  if ((await run(program, ['--version'])).stdout.trim() === `${name} ${version}`) return program;
  const args = ['install', ...what, '--version', version, '--locked', '--root', '.tools', '--force'];
  // It runs for a second: not worth the minutes of an optimised build.
  const outcome = await run('cargo', [...args, '--debug'], {
    env: { CARGO_PROFILE_DEV_DEBUG: '0' },
    show: 'progress',
  });
  expectSuccess(`${name} cannot be installed`, outcome);
  return program;
}

/** The Node versions, beside the one that runs this, under which the Node host is tested. It hooks into Node's TLS. */
export const OTHER_NODES = ['22.23.3', '24.21.0'];

/**
 * The path of another Node, which is installed into .tools from npm, where Node's programs are packages, if it is not
 * there.
 * @param {string} version
 */
export async function otherNode(version) {
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const directory = join(ROOT, '.tools', `node-${version}`);
  const executable = process.platform === 'win32' ? 'node.exe' : 'node';
  const program = join(directory, 'node_modules', name, 'bin', executable);
  if ((await run(program, ['--version'])).stdout.trim() === `v${version}`) return program;
  const where = ['--prefix', directory, '--no-save', '--no-audit', '--no-fund'];
  const outcome = await runNpm(['install', ...where, `${name}@${version}`]);
  expectSuccess(
    `Node ${version} cannot be installed`,
    outcome,
    `with a network: npm install ${name}@${version}`,
  );
  return program;
}

/** The test certificates of pyca/cryptography: PKITS, and what broke parsers before. */
const CRYPTOGRAPHY_VECTORS = {
  version: '50.0.2',
  sha256: '51641f03a3eb4edbe9fb68e3a3574d25f86aa502d06391fffa886330d02778a0',
};

/** The directory of these certificates, which are installed into .tools from PyPI if they are not there. */
export async function cryptographyVectors() {
  const { version, sha256 } = CRYPTOGRAPHY_VECTORS;
  const directory = join(ROOT, `.tools/cryptography-vectors-${version}`);
  if (!existsSync(directory)) {
    const [unfinished, wanted] = [`${directory}.unfinished`, `${directory}.txt`];
    mkdirSync(dirname(directory), { recursive: true });
    rmSync(unfinished, { recursive: true, force: true });
    writeFileSync(wanted, `cryptography-vectors==${version} --hash=sha256:${sha256}\n`);
    const how = ['--require-hashes', '--no-deps', '--no-compile', '--only-binary', ':all:', '--quiet'];
    const args = ['-m', 'pip', 'install', ...how, '--target', unfinished, '-r', wanted];
    expectSuccess(
      'the certificates of pyca/cryptography cannot be installed',
      await run('python3', args),
      `with a network: python3 -m pip download --no-deps cryptography_vectors==${version}`,
    );
    renameSync(unfinished, directory);
    rmSync(wanted);
  }
  return join(directory, 'cryptography_vectors');
}
