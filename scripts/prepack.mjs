/**
 * What npm runs before it packs or publishes: compiles the TypeScript, and refuses a package that would lack a library.
 * `npm pack --ignore-scripts` makes one for tests, of what there is.
 */
import { compileTypeScript } from './lib/build.mjs';
import { missingFromRelease } from './lib/release.mjs';
import { ROOT } from './lib/run.mjs';
import { Failure, main } from './lib/steps.mjs';

await main(async () => {
  const missing = missingFromRelease(ROOT);
  if (missing.length > 0) {
    throw new Failure(
      'the package would lack what other machines build, as .github/workflows/release.yml does',
      {
        output: missing.flatMap(({ files }) => files).join('\n'),
        hint: [
          ...missing.map(({ command }) => command),
          'for a package without: npm pack --ignore-scripts',
        ].join('\n  -> '),
      },
    );
  }
  await compileTypeScript();
});
