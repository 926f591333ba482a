// @ts-check
/** Miri: what it can run of the core and of the library of apps. It runs no C, so nothing with TLS or real keys. */
import { countsOfCargo, NONE, settle, sum } from '../counts.mjs';
import { run } from '../run.mjs';

const INSTALL = 'rustup toolchain install nightly --profile minimal -c miri -c rust-src';

const RUNS = [
  ['-p', 'spki-pinning-core', '--lib', '--test', 'vectors'],
  ['-p', 'spki-pinning-ffi', '--lib', '--', 'bridge::', 'c::'],
];

/** Skipped, with what would install it, where there is no Miri. */
export async function testMiri() {
  const { code } = await run('cargo', ['+nightly', 'miri', '--version']);
  if (code !== 0) {
    console.log(`Miri is not installed\n  -> ${INSTALL}`);
    return { ...NONE, skipped: RUNS.length };
  }
  const results = [];
  for (const tests of RUNS) {
    const args = ['+nightly', 'miri', 'test', '--target-dir', 'target/miri', '--locked', ...tests];
    // Not isolated: the clock of this machine is asked.
    const env = { MIRIFLAGS: '-Zmiri-disable-isolation' };
    const outcome = await run('cargo', args, { show: 'all', env });
    results.push(settle(countsOfCargo(outcome.stdout), outcome.code));
  }
  return sum(results);
}
