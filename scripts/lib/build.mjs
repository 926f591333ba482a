// @ts-check
/** What `npm run build` does. The other scripts call it for what they need; a second run finds nothing to do. */
import { chmod, copyFile, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { anonymousPaths, requireAnonymous } from './anonymous.mjs';
import { ROOT, run, runNpm, runPackage } from './run.mjs';
import { expectSuccess, Failure, step } from './steps.mjs';
import { requireTools } from './tools.mjs';

const EXECUTABLE = process.platform === 'win32' ? '.exe' : '';

/** The binary of rust/testbed. */
export const TESTBED = join(ROOT, `build/testbed/spki-pinning-testbed${EXECUTABLE}`);

/** The Node add-on for this machine: where js/node/addon.ts looks for it. */
export const ADDON = join(ROOT, `build/node/spki-pinning.${process.platform}-${process.arch}.node`);

/** Everything: npm packages, the Rust add-on and testbed, the TypeScript. */
export async function build() {
  await requireTools(['node', 'cargo', 'rustc', 'cc']);
  await installPackages();
  await buildRust();
  await compileTypeScript();
}

/** `npm ci`, if node_modules is not what package-lock.json says. */
export async function installPackages() {
  await step(
    'npm packages',
    async () => {
      const [wanted, installed] = await Promise.all([
        readJson('package-lock.json'),
        readJson('node_modules/.package-lock.json'),
      ]);
      if (installed !== null && samePackages(wanted.packages, installed.packages)) return false;
      await installFromLock();
      return true;
    },
    (installed) => (installed ? 'installed' : 'up to date'),
  );
}

async function installFromLock() {
  const outcome = await runNpm(['ci', '--no-audit', '--no-fund', '--loglevel=error']);
  if (outcome.missing) throw new Failure('npm is missing', { hint: 'apt-get install npm' });
  if (/\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH)\b/.test(outcome.stderr)) {
    const hint = 'with a network, and the registry that `npm config get registry` names: npm ci';
    throw new Failure('the npm registry cannot be reached', { hint });
  }
  expectSuccess('npm ci failed', outcome);
}

/**
 * Whether what npm installed is what the lock asks for. Optional packages are those of other platforms.
 * @typedef {Readonly<Record<string, { version?: string, integrity?: string, optional?: boolean, peer?: boolean }>>} Packages
 * @param {Packages} wanted
 * @param {Packages} installed
 */
export function samePackages(wanted, installed) {
  const missing = Object.entries(wanted).some(([path, entry]) => {
    if (path === '') return false;
    const there = installed[path];
    if (there === undefined) return entry.optional !== true;
    return there.version !== entry.version || there.integrity !== entry.integrity;
  });
  return !missing && Object.keys(installed).every((path) => path in wanted);
}

/** The add-on to build/node, the testbed to build/testbed. */
export async function buildRust() {
  await step('cargo build', async () => {
    const packages = ['-p', 'spki-pinning-node', '-p', 'spki-pinning-testbed'];
    const outcome = await run(
      'cargo',
      ['build', '--release', '--locked', ...packages, '--message-format=json-render-diagnostics'],
      { env: await anonymousPaths(), show: 'progress' },
    );
    if (outcome.code !== 0) throw new Failure('cargo build failed: see above');
    const artifacts = artifactsOf(outcome.stdout);
    const library = artifacts.find(({ target }) => target.name === 'spki_pinning_node')?.filenames;
    const testbed = artifacts.find(
      ({ executable }) => executable && basename(executable) === basename(TESTBED),
    );
    const addon = library?.find((file) => /\.(so|dylib|dll)$/.test(file));
    if (addon === undefined || !testbed?.executable) throw new Failure('cargo built no add-on or no testbed');
    await requireAnonymous(addon);
    await installFile(addon, ADDON);
    await installFile(testbed.executable, TESTBED);
  });
}

/**
 * What cargo built, or found built.
 * @typedef {{ reason: string, target: { name: string }, filenames: string[], executable: string | null }} Artifact
 * @param {string} messages of `--message-format=json`
 * @returns {Artifact[]}
 */
export function artifactsOf(messages) {
  const lines = messages.split('\n').filter((line) => line.startsWith('{'));
  return lines.map((line) => JSON.parse(line)).filter(({ reason }) => reason === 'compiler-artifact');
}

/**
 * Copies unless it is there already. A running program keeps the old file: it is replaced, not written to.
 * @param {string} from
 * @param {string} to
 */
export async function installFile(from, to) {
  const [wanted, there] = await Promise.all([readFile(from), readFile(to).catch(() => null)]);
  if (there?.equals(wanted)) return;
  const temporary = `${to}.${process.pid}`;
  await mkdir(dirname(to), { recursive: true });
  await copyFile(from, temporary);
  await rename(temporary, to);
}

/** What of js/ is compiled, to {@link LIB}. */
const COMPILED = /^(src|node|cli|expo|web|jest)\b.*\.c?ts$/;
const LIB = 'lib';

/** js/ to lib/. */
export async function compileTypeScript() {
  await step('tsc', async () => {
    const { missing, stale } = await compareOutput();
    // tsc does not look for its output.
    const args = ['-b', 'tsconfig.build.json', ...(missing ? ['--force'] : [])];
    expectSuccess('the TypeScript does not compile', await runPackage('typescript/bin/tsc', args));
    // What is stale would be published.
    await Promise.all(stale.map((file) => rm(join(ROOT, LIB, file))));
    await chmod(join(ROOT, LIB, 'cli/main.js'), 0o755);
  });
}

/** Whether a compiled file is missing, and those whose source is gone. */
async function compareOutput() {
  const [sources, output] = await Promise.all([filesIn('js'), filesIn(LIB)]);
  const modules = sources.filter((file) => COMPILED.test(file));
  const expected = new Set(
    modules.flatMap((file) => ['.$1js', '.d.$1ts'].map((end) => file.replace(/\.(c?)ts$/, end))),
  );
  return {
    missing: [...expected].some((file) => !output.includes(file)),
    stale: output.filter((file) => /\.(c?js|c?ts|map)$/.test(file) && !expected.has(file)),
  };
}

/**
 * @param {string} directory
 * @returns {Promise<string[]>} empty if it does not exist
 */
function filesIn(directory) {
  return readdir(join(ROOT, directory), { recursive: true }).catch(() => []);
}

/** Everything that has types: the sources, the tests, the type tests among them, and scripts/lib. */
export async function checkTypes() {
  await step('types', async () => {
    expectSuccess(
      'the types are wrong',
      await runPackage('typescript/bin/tsc', ['--noEmit', '-p', 'tsconfig.json']),
    );
  });
}

/** @param {string} path */
async function readJson(path) {
  return JSON.parse(await readFile(join(ROOT, path), 'utf8').catch(() => 'null'));
}
