/**
 * `npm run size`, or `npm run size -- ABI…`: builds the library of apps (rust/ffi) for Android as it ships, but for the NDK's
 * linker, says what it weighs and what of, and fails if it weighs more than it may.
 */
import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { codeByDependency } from './lib/dependencies.mjs';
import { contentsOf } from './lib/linker-map.mjs';
import { ABIS, BUDGETS, buildAndroidLibrary, checkLibrary, installToolchain } from './lib/native.mjs';
import { Failure, main, step } from './lib/steps.mjs';
import { ANDROID_TOOLCHAIN, requireTools } from './lib/tools.mjs';

/** Crates that are named; the others are summed up. */
const NAMED = 12;

/** Whose code is listed by dependency: the ABI of nearly all phones. */
const LISTED = 'arm64-v8a';
/** Dependencies of less code are summed up, in bytes. */
const LEAST = 1000;

await main(async () => {
  const abis = chosen(process.argv.slice(2));
  await requireTools(['node', 'cc', ...ANDROID_TOOLCHAIN]);
  await installToolchain(abis);
  const libraries = [];
  for (const abi of abis) libraries.push(await measure(abi));
  console.log(`\n${table(libraries)}`);
  for (const library of libraries) console.log(`\n${contents(library)}`);
  const listed = libraries.find(({ abi }) => abi === LISTED);
  if (listed !== undefined) console.log(`\n${await dependencies(listed)}`);
  const heavy = libraries.filter(({ abi, bytes }) => bytes > BUDGETS[abi] * 1000);
  if (heavy.length === 0) return 0;
  const which = heavy.map(({ abi, bytes }) => `${abi} weighs ${kB(bytes)} of ${BUDGETS[abi]} kB`);
  throw new Failure(which.join('; '), {
    hint: 'make it smaller, or change the budget in scripts/lib/native.mjs',
  });
});

function chosen(names) {
  const unknown = names.find((name) => !Object.hasOwn(ABIS, name));
  if (unknown !== undefined) throw new Failure(`there is no ABI ${unknown}: ${Object.keys(ABIS).join(', ')}`);
  return names.length === 0 ? Object.keys(ABIS) : names;
}

async function measure(abi) {
  const path = await buildAndroidLibrary(abi, { testing: false });
  await step('pages and symbols', () => checkLibrary(path, { pages: abi.includes('64') }));
  const library = await readFile(path);
  const map = await readFile(`${path}.map`, 'utf8');
  // Stores and package formats compress about as gzip does.
  return {
    abi,
    bytes: library.length,
    compressed: gzipSync(library, { level: 9 }).length,
    ...contentsOf(map),
  };
}

function table(libraries) {
  const rows = libraries.map(({ abi, bytes, compressed }) => [abi, kB(bytes), kB(compressed), BUDGETS[abi]]);
  return [['kB', 'size', 'compressed', 'budget'], ...rows]
    .map(([name, ...numbers]) => `${name}`.padEnd(14) + numbers.map((it) => `${it}`.padStart(12)).join(''))
    .join('\n');
}

function contents({ abi, bytes, kinds, crates }) {
  const sizes = [...crates];
  const named = sizes.slice(0, NAMED).map(([crate, size]) => `${crate} ${kB(size)}`);
  const others = sizes.slice(NAMED).reduce((sum, [, size]) => sum + size, 0);
  const rest = bytes - kinds.code - kinds.constants - kinds.unwinding;
  return [
    `${abi}: code ${kB(kinds.code)}, constants ${kB(kinds.constants)}, unwinding ${kB(kinds.unwinding)}, rest ${kB(rest)}`,
    `  code: ${[...named, `others ${kB(others)}`].join(', ')}`,
  ].join('\n');
}

/** What each dependency adds, as Markdown; a crate that several bring along stands for itself. */
async function dependencies({ abi, kinds, crates }) {
  const sizes = [...(await codeByDependency(ABIS[abi], crates))];
  const others = sizes.filter(([, size]) => size < LEAST).reduce((sum, [, size]) => sum + size, 0);
  const rows = [...sizes.filter(([, size]) => size >= LEAST), ['others', others]];
  const share = (size) => `${((100 * size) / kinds.code).toFixed(1)} %`;
  return [
    `| code of ${abi} by dependency | kB | share |`,
    '| --- | ---: | ---: |',
    ...rows.map(([name, size]) => `| ${name} | ${(size / 1000).toFixed(1)} | ${share(size)} |`),
  ].join('\n');
}

function kB(bytes) {
  return Math.round(bytes / 1000);
}
