// @ts-check
/** What looks for mistakes that no test can see by its result: the address sanitizer. `SANITIZERS=long` is more. */
import { mkdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { sysrootOf } from './anonymous.mjs';
import { artifactsOf, TESTBED } from './build.mjs';
import { countsOfNode, NONE, settle, sum } from './counts.mjs';
import { UNSTABLE } from './native.mjs';
import { ROOT, run } from './run.mjs';
import { expectSuccess, Failure, step } from './steps.mjs';

const LONG = process.env.SANITIZERS === 'long';
const TARGET = 'x86_64-unknown-linux-gnu';

/** Where instrumented code goes: in one place with the rest, cargo would build everything anew at each turn. */
const ADDRESS = 'target/asan';

/** Every question about documents and chains; SANITIZERS=long: whatever uses the add-on at all. */
const TESTS = ['vectors'];
const MORE = [
  'node-host',
  'api',
  'early-requests',
  'failures',
  'node-tls',
  'stacks',
  'updates',
  'cli-hash',
  'cli-manifest',
];

/** The add-on in Node, which finds a mistake on purpose first. */
export async function testSanitizers() {
  const runtime = await step('address sanitizer', addressRuntime);
  const addon = await step('add-on, instrumented', buildAddon);
  // What V8 keeps until the end is no leak of ours, and there is too much of it to tell ours from it.
  const preload = { LD_PRELOAD: runtime, ASAN_OPTIONS: 'detect_leaks=0' };
  const planted = await findsPlantedMistake(preload);
  const files = [...TESTS, ...(LONG ? MORE : [])].map((name) => `js/test/${name}.test.ts`);
  const options = ['--import', 'tsx', '--test', '--test-reporter=spec', '--test-timeout=300000'];
  const other = `--require=${join(ROOT, 'tests/sanitizers/other-addon.cjs')}`;
  const env = { ...preload, SPKI_TESTBED: TESTBED, SPKI_ADDON: addon, NODE_OPTIONS: other };
  const { code, stdout } = await run(process.execPath, [...options, ...files], { show: 'all', env });
  return sum([planted, settle(countsOfNode(stdout), code)]);
}

/** @returns {Promise<string>} its path */
async function buildAddon() {
  // With a target named, flags are not for build scripts and macros.
  const where = ['--target', TARGET, '--target-dir', ADDRESS];
  const args = ['build', '--locked', '--profile', 'sanitizer', ...where, '-p', 'spki-pinning-node'];
  const outcome = await run('cargo', [...args, '--message-format=json-render-diagnostics'], {
    env: { ...UNSTABLE, RUSTFLAGS: '-Zsanitizer=address' },
    show: 'progress',
  });
  if (outcome.code !== 0) throw new Failure('cargo build failed: see above');
  const built = artifactsOf(outcome.stdout).find(({ target }) => target.name === 'spki_pinning_node');
  const library = built?.filenames.find((file) => file.endsWith('.so'));
  if (library === undefined) throw new Failure('cargo built no add-on');
  return library;
}

/**
 * The runtime that Rust ships for programs, as a library: Node is not one of Rust's. Left out is the one object that only a
 * program may have, which starts it earlier than the loader would.
 * @returns {Promise<string>} its path
 */
async function addressRuntime() {
  const library = join(ROOT, ADDRESS, 'librustc-asan.so');
  await mkdir(join(ROOT, ADDRESS), { recursive: true });
  const sysroot = await sysrootOf('rustc');
  const archive = join(sysroot, 'lib/rustlib', TARGET, 'lib/librustc-stable_rt.asan.a');
  const copy = join(ROOT, ADDRESS, basename(archive));
  const script =
    'set -e; cp "$1" "$2"; ar d "$2" asan_preinit.cpp.o; ' +
    'cc -shared -o "$3" -Wl,--whole-archive "$2" -Wl,--no-whole-archive -lpthread -ldl -lm -lrt -lgcc_s';
  const outcome = await run('sh', ['-c', script, 'sh', archive, copy, `${library}.new`]);
  expectSuccess('the runtime of the address sanitizer cannot be linked', outcome, 'rustup default stable');
  await rename(`${library}.new`, library);
  await rm(copy);
  return library;
}

/**
 * A sanitizer that finds nothing has to find something first: a read of memory that was given back.
 * @param {Readonly<Record<string, string>>} preload
 */
async function findsPlantedMistake(preload) {
  const addon = join(ROOT, ADDRESS, 'planted.node');
  const source = join(ROOT, 'tests/sanitizers/planted.rs');
  const args = ['--edition', '2024', '--crate-type', 'cdylib', '-Zsanitizer=address', '-o', addon, source];
  expectSuccess('the planted mistake does not compile', await run('rustc', args, { env: UNSTABLE }));
  const load = `process.dlopen({ exports: {} }, ${JSON.stringify(addon)})`;
  const { code, stderr } = await run(process.execPath, ['-e', load], { env: preload });
  const found = code !== 0 && stderr.includes('AddressSanitizer: heap-use-after-free');
  console.log(`${found ? '✔' : '✖'} a planted use after free is found in Node`);
  if (!found) console.log(stderr);
  return settle({ ...NONE, passed: found ? 1 : 0 }, found ? 0 : 1);
}
