// @ts-check
/** The Kotlin tests over the library of apps that a sanitizer watches. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TESTBED } from '../build.mjs';
import { countsOfMaven, settle, sum } from '../counts.mjs';
import { ROOT, run } from '../run.mjs';
import { directoryOf, findsPlantedMistake, watched } from './instrumented.mjs';

/** HotSpot reads where nothing is, on purpose, and takes the signal. */
const OPTIONS = 'handle_segv=0';

/**
 * Vectors, arguments, races, events: what goes through JNI and needs no network. Not LoadingTest: HotSpot 17 itself reads what
 * was given back where it unloads a library that was refused (`os::dll_unload`).
 */
const JNI = ['HostLibraryTest', 'OddArgumentsTest'];

/** Real handshakes and the engine's own connections, by OkHttp. */
const HANDSHAKES = ['VectorsTest', 'FailClosedTest', 'TlsTest', 'HttpTest', 'WebSocketTest', 'UpdatesTest'];

/**
 * @param {import('./instrumented.mjs').How} how
 * @param {{ library: string, long: boolean }} what
 */
export async function testJvm(how, { library, long }) {
  const inJvm = { ...how, options: OPTIONS };
  const java = (/** @type {Readonly<Record<string, string>>} */ env) => watchedJava(how.sanitizer, env);
  const load = (/** @type {string} */ planted) => /** @type {const} */ (['java', LOAD, planted]);
  return sum([
    await findsPlantedMistake(inJvm, 'a JVM', load),
    await watched(inJvm, async (env) => testJni(await java(env), library, long)),
    ...(long ? [await watched(inJvm, async (env) => testHandshakes(await java(env), library))] : []),
  ]);
}

const LOAD = join(ROOT, 'tests/sanitizers/Load.java');

/**
 * @param {string} java
 * @param {string} library
 * @param {boolean} long
 */
function testJni(java, library, long) {
  const rounds = long ? ['-Dodd.rounds=200'] : [];
  return maven(java, 'tests/android-arm64/pom.xml', JNI, [`-Dlibrary.host=${library}`, ...rounds]);
}

/**
 * @param {string} java
 * @param {string} library
 */
function testHandshakes(java, library) {
  return maven(java, 'android/pom.xml', HANDSHAKES, [
    ...['-pl', 'jvm/tests', '-am', '-Dsurefire.failIfNoSpecifiedTests=false'],
    ...[`-Dspki.testbed=${TESTBED}`, `-Dspki.library.directory=${dirname(library)}`],
  ]);
}

/**
 * Only the JVM that runs the tests is under the sanitizer, not Maven and the compiler.
 * @param {string} java
 * @param {string} pom
 * @param {readonly string[]} tests
 * @param {readonly string[]} more
 */
async function maven(java, pom, tests, more) {
  const args = ['-B', '-ntp', '-f', join(ROOT, pom), 'test', `-Djvm=${java}`, `-Dtest=${tests}`, ...more];
  const { code, stdout } = await run('mvn', args, { show: 'all' });
  return settle(countsOfMaven(stdout), code);
}

/**
 * A program to be started in the place of java; Surefire wants it in a folder `bin`.
 * @param {import('./instrumented.mjs').Sanitizer} sanitizer
 * @param {Readonly<Record<string, string>>} env
 */
async function watchedJava(sanitizer, env) {
  const program = join(directoryOf(sanitizer), 'jvm/bin/java');
  const settings = Object.entries(env).map(([name, value]) => `${name}='${value}'`);
  await mkdir(dirname(program), { recursive: true });
  await writeFile(program, `#!/bin/sh\nexec env ${settings.join(' ')} java "$@"\n`);
  await chmod(program, 0o755);
  return program;
}
