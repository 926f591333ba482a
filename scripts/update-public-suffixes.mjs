// @ts-check
/** `node scripts/update-public-suffixes.mjs`: renews rust/core/public_suffixes.txt from the newest crate psl. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { domainToASCII } from 'node:url';
import { ROOT, run } from './lib/run.mjs';
import { expectSuccess, Failure, main } from './lib/steps.mjs';

const TARGET = join(ROOT, 'rust/core/public_suffixes.txt');

await main(async () => {
  const { version, rules } = await newest();
  const lines = rules.split('\n').map((line) => line.trim());
  const suffixes = lines.filter((line) => line !== '' && !line.startsWith('//')).map(toAscii);
  const sorted = [...new Set(suffixes)].sort();
  if (sorted.length < 5000) throw new Failure(`only ${sorted.length} rules: the crate's form has changed`);
  const head = [
    '# The Public Suffix List (https://publicsuffix.org/list/, MPL-2.0), ICANN and private sections, as A-labels.',
    `# Made by scripts/update-public-suffixes.mjs from the crate psl ${version}; not written by hand.`,
  ];
  await writeFile(TARGET, `${[...head, ...sorted].join('\n')}\n`);
  console.log(`${sorted.length} rules of psl ${version}`);
  return 0;
});

/** Has cargo fetch the crate, by its name. */
async function newest() {
  const directory = await mkdtemp(join(tmpdir(), 'psl-'));
  try {
    const manifest = join(directory, 'Cargo.toml');
    await writeFile(
      manifest,
      '[package]\nname = "x"\nversion = "0.0.0"\n[lib]\npath = "x.rs"\n[dependencies]\npsl = "2"\n',
    );
    await writeFile(join(directory, 'x.rs'), '');
    const outcome = await run('cargo', [
      'vendor',
      '--quiet',
      '--manifest-path',
      manifest,
      join(directory, 'vendor'),
    ]);
    expectSuccess('cargo cannot fetch the crate psl', outcome, 'with a network: cargo vendor');
    const crate = join(directory, 'vendor/psl');
    const [, version = ''] =
      /^version = "([^"]+)"/m.exec(await readFile(join(crate, 'Cargo.toml'), 'utf8')) ?? [];
    if (!(await readdir(join(crate, 'data'))).includes('rules.txt'))
      throw new Failure('the crate psl has no rules.txt');
    return { version, rules: await readFile(join(crate, 'data/rules.txt'), 'utf8') };
  } finally {
    await rm(directory, { recursive: true });
  }
}

/**
 * A rule with its labels as A-labels; `!` and `*.` stay.
 * @param {string} rule
 */
function toAscii(rule) {
  const [, prefix = '', name = ''] = /^(!|\*\.)?(.*)$/.exec(rule) ?? [];
  const ascii = domainToASCII(name);
  if (ascii === '') throw new Failure(`the rule ${rule} is no host name`);
  return prefix + ascii;
}
