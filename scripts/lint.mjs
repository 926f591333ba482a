/** `npm run lint`, and `npm run lint -- --fix`: every check, also after one that fails. */
import { checkTypes, installPackages } from './lib/build.mjs';
import { brokenLinks } from './lib/links.mjs';
import { ROOT, repositoryFiles, run, runPackage } from './lib/run.mjs';
import { expectSuccess, Failure, main, report, step } from './lib/steps.mjs';
import { cargoDeny, cargoVet, ktlint, requireTools } from './lib/tools.mjs';

const FIX = process.argv.includes('--fix');
const FIX_HINT = 'npm run lint -- --fix';

/** What stands before the tests of `npm run test:stress`, and of `npm run test:sanitizers`. */
const TESTED = [
  '--features',
  'spki-pinning-model/shuttle,spki-pinning-stress/load,spki-pinning-stress/floods,spki-pinning-stress/exported',
];

const CHECKS = [rustfmt, clippy, rustdoc, biome, checkTypes, kotlin, dependencies, reviews, links];

await main(async () => {
  await requireTools(['node', 'cargo', 'rustc', 'cc', 'rustfmt', 'clippy', 'java', 'mvn']);
  await installPackages();
  let failed = 0;
  for (const check of CHECKS) {
    await check().catch((error) => {
      failed += 1;
      report(error);
    });
  }
  console.log(
    failed === 0 ? 'lint: nothing to complain about' : `lint: ${failed} of ${CHECKS.length} checks failed`,
  );
  return failed === 0 ? 0 : 1;
});

function rustfmt() {
  return step('cargo fmt', async () => {
    const fuzz = ['--manifest-path', 'fuzz/Cargo.toml', '--package', 'spki-pinning-fuzz'];
    for (const what of [['--all'], fuzz]) {
      const outcome = await run('cargo', ['fmt', ...what, ...(FIX ? [] : ['--check'])]);
      expectSuccess('the Rust code is not formatted', outcome, FIX_HINT);
    }
  });
}

function clippy() {
  return step('cargo clippy', async () => {
    const fix = FIX ? ['--fix', '--allow-dirty', '--allow-staged'] : [];
    const args = [
      'clippy',
      '--workspace',
      '--all-targets',
      ...TESTED,
      '--locked',
      ...fix,
      '--',
      '-D',
      'warnings',
    ];
    expectSuccess('clippy complains: see above', await run('cargo', args, { show: 'progress' }));
  });
}

function rustdoc() {
  return step('cargo doc', async () => {
    const outcome = await run('cargo', ['doc', '--workspace', '--no-deps', '--locked', '--quiet'], {
      env: { RUSTDOCFLAGS: '-D warnings' },
    });
    expectSuccess('the documentation of the Rust code has mistakes', outcome);
  });
}

function biome() {
  return step('biome', async () => {
    const args = ['check', '--error-on-warnings', ...(FIX ? ['--write'] : [])];
    expectSuccess('biome complains', await runPackage('@biomejs/biome/bin/biome', args), FIX_HINT);
  });
}

/** By the rules of .editorconfig. */
function kotlin() {
  return step('ktlint', async () => {
    const files = ['android/**/src/**/*.kt', 'tests/android-arm64/**/*.kt'];
    const args = [
      '-jar',
      await ktlint(),
      '--log-level=error',
      '--relative',
      ...(FIX ? ['--format'] : []),
      ...files,
    ];
    expectSuccess('ktlint complains', await run('java', args), FIX_HINT);
  });
}

/** Licences, sources and duplicates, by deny.toml. */
function dependencies() {
  return step('cargo deny', async () => {
    const program = await cargoDeny();
    expectSuccess(
      'deny.toml does not allow it',
      await run(program, ['check', 'bans', 'licenses', 'sources']),
    );
  });
}

/** Every crate, in this very version, is in the record of who has read or accepted it: supply-chain/. */
function reviews() {
  return step('cargo vet', async () => {
    expectSuccess(
      'a dependency is new, or another version, and nobody has said a word about it',
      // It expects to be started by cargo, which says where it is.
      await run(await cargoVet(), ['vet', '--locked'], { env: { CARGO: process.env.CARGO ?? 'cargo' } }),
      'read what has changed (cargo vet diff), then cargo vet certify, or cargo vet add-exemption',
    );
  });
}

function links() {
  return step('Markdown links', async () => {
    const broken = (await repositoryFiles('*.md')).flatMap((file) => brokenLinks(ROOT, file));
    if (broken.length > 0) throw new Failure('links lead nowhere', { output: broken.join('\n') });
  });
}
