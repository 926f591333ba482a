/**
 * `npm run audit`: known vulnerabilities of what is depended on. Exit code 3 if a database cannot be had: the one
 * for Rust is on GitHub.
 */
import { run, runNpm } from './lib/run.mjs';
import { Failure, main, report, step } from './lib/steps.mjs';
import { cargoDeny, requireTools } from './lib/tools.mjs';

const EXIT = { good: 0, found: 1, notAsked: 3 };

await main(async () => {
  await requireTools(['node', 'cargo', 'rustc', 'cc']);
  const results = [await ask('cargo deny', rust), await ask('npm audit', npm)];
  if (results.includes('found')) return EXIT.found;
  return results.includes('not asked') ? EXIT.notAsked : EXIT.good;
});

async function ask(title, question) {
  try {
    return await step(title, question, (result) => result);
  } catch (error) {
    report(error);
    return 'found';
  }
}

async function rust() {
  const { code, stdout, stderr } = await run(await cargoDeny(), ['check', 'advisories']);
  if (code === 0) return 'none known';
  if (/failed to (fetch|clone|update)|unable to fetch/i.test(stderr)) return 'not asked';
  throw new Failure('advisories about Rust dependencies', { output: stdout + stderr });
}

async function npm() {
  const { code, stdout, stderr } = await runNpm(['audit', '--omit=dev']);
  if (code === 0) return 'none known';
  if (/audit endpoint|ENOTFOUND|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN/.test(stderr)) return 'not asked';
  throw new Failure('advisories about npm dependencies', { output: stdout + stderr });
}
