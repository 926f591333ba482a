/** docs/bypasses.md: each test that it names is there, and each way that is said to be blocked has one. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from './documents.js';

const page = readFileSync(join(ROOT, 'docs/bypasses.md'), 'utf8');

/** Where tests are, beside the code in Rust. */
const FOLDERS = ['js/test', 'tests', 'ios/Tests', 'android/jvm/tests/src'].concat(
  ['core/src', 'core/tests', 'net/src', 'net/tests', 'ffi/src'].map((folder) => `rust/${folder}`),
);

const files = FOLDERS.flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
    .filter((path) => /\.(rs|kt|swift|json|test\.ts)$/.test(path) && !path.includes('/node_modules/')),
);

/** How a test of that name begins, in each language. */
function declarationOf(name: string, file: string): string {
  if (file.endsWith('.rs')) return `fn ${name}(`;
  if (file.endsWith('.swift')) return `func ${name}(`;
  if (file.endsWith('.kt')) return name.includes(' ') ? `fun \`${name}\`(` : `fun ${name}(`;
  if (file.endsWith('.json')) return `"name": "${name}"`;
  return `test('${name.replaceAll("'", "\\'")}'`;
}

/** The rows of tables with a column of tests: the way, what happens here, and the tests. */
const rows = [...page.matchAll(/^\| (?!way|---)(.+) \|$/gm)]
  .map(([, cells = '']) => cells.split(/(?<=^|[^\\]) ?\| ?/))
  .filter((cells) => cells.length === 4)
  .map(([way = '', , here = '', tests = '']) => ({ way, here, tests: testsIn(tests) }));

interface Named {
  readonly file: string;
  readonly names: readonly string[];
}

/** `File.kt`: *one test*, *another*; `cases.json` */
function testsIn(cell: string): Named[] {
  if (cell.trim() === '') return [];
  return cell.split('; ').map((part) => {
    const [, file = '', list = ''] = /^`([\w./-]+)`(?:: (.*))?$/.exec(part.trim()) ?? assert.fail(part);
    const names = [...list.matchAll(/\*([^*]+)\*(?:, |$)/g)].map(([, name = '']) => name);
    assert.equal(names.map((name) => `*${name}*`).join(', '), list, part);
    return { file, names };
  });
}

test('there are ways of each kind', () => {
  assert.ok(rows.length > 60, `${rows.length} rows`);
  const chapters = [...page.matchAll(/^## /gm)].length;
  assert.ok(chapters > 10, `${chapters} chapters`);
});

test('every test that is named is there', () => {
  for (const { file, names } of rows.flatMap(({ tests }) => tests)) {
    const found = files.filter((path) => path.endsWith(`/${file}`));
    assert.ok(found.length > 0, `there is no ${file}`);
    const sources = found.map((path) => readFileSync(join(ROOT, path), 'utf8'));
    for (const name of names) {
      const declaration = declarationOf(name, file);
      assert.ok(
        sources.some((source) => source.includes(declaration)),
        `${file} has no ${declaration}`,
      );
    }
  }
});

test('what is said to be blocked or refused is tested, and what is not seen says why', () => {
  for (const { way, here, tests } of rows) {
    if (/^(blocked|refused)/.test(here)) assert.ok(tests.length > 0, way);
    else assert.ok(here.length > 20, way);
  }
});
