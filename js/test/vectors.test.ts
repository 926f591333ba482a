/** The shared vectors of tests/vectors, read as its README.md says, through the Node add-on. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';

const ROOT = new URL('../../', import.meta.url);
const VECTORS = new URL('tests/vectors/', ROOT);

/** What rust/node/src/document.rs exports. Answers are JSON. */
interface Addon {
  checkDocument(document: string, nowMs?: number): string;
  evaluateDocument(document: string, host: string | null, chain: Buffer[], nowMs?: number): string;
  normalizeHost(input: string): string;
  parsePin(input: string): string;
}
const file = `../../build/node/spki-pinning.${process.platform}-${process.arch}.node`;
const addon: Addon = createRequire(import.meta.url)(file);

interface Case {
  readonly name: string;
  readonly why: string;
}

interface TextCase extends Case {
  readonly input: string;
  readonly code: string | null;
  readonly suggestion: string | null;
}

interface HostCase extends TextCase {
  readonly host: string | null;
}

interface PinCase extends TextCase {
  readonly pin: string | null;
  readonly warning: string | null;
}

interface ExpectedProblem {
  readonly path: string;
  readonly code: string;
  readonly severity: 'error' | 'warning';
  readonly suggestion: string | null;
}

interface DocumentCase extends Case {
  readonly document: unknown;
  readonly now?: string;
  readonly problems?: readonly ExpectedProblem[];
  readonly host?: string | null;
  readonly chain?: readonly string[];
  readonly expected?: Readonly<Record<string, unknown>>;
}

interface File<T> {
  readonly description: string;
  readonly now?: string;
  readonly chain?: readonly string[];
  readonly cases: readonly T[];
}

interface Problem extends ExpectedProblem {
  readonly message: string;
}

const read = (file: string) => readFileSync(new URL(file, VECTORS), 'utf8');

const { certificates, broken } = JSON.parse(read('certificates.json')) as {
  certificates: Readonly<Record<string, { describes: string; pin: string; der: string }>>;
  broken: Readonly<Record<string, { describes: string; der: string }>>;
};

function der(id: string): Buffer {
  const certificate = certificates[id] ?? broken[id];
  assert.ok(certificate, `there is no certificate ${id}`);
  return Buffer.from(certificate.der, 'base64');
}

/** `$id` before a quotation mark of either kind becomes the pin of that certificate. */
function withPins(text: string): string {
  return text.replace(/\$([a-z0-9-]+)(?=["'])/g, (_, id: string) => {
    const certificate = certificates[id];
    assert.ok(certificate, `there is no certificate ${id}`);
    return certificate.pin;
  });
}

const files = new Set(['certificates.json']);

/** One test for each case of a file; a member that is not known, or no case at all, is a failure. */
function run<T extends Case>(
  name: string,
  text: string,
  members: { required: readonly string[]; optional?: readonly string[] },
  check: (vector: T, file: File<T>) => void,
) {
  const file = JSON.parse(text) as File<T>;
  files.add(name);
  test(`${name} has cases and known members only`, () => {
    assertMembers(file, ['description', 'cases'], ['now', 'chain']);
    assert.notEqual(file.cases.length, 0);
    assert.equal(new Set(file.cases.map((vector) => vector.name)).size, file.cases.length);
  });
  for (const vector of file.cases) {
    test(`${name}: ${vector.name}`, () => {
      assertMembers(vector, ['name', 'why', ...members.required], members.optional ?? []);
      explained(vector, () => check(vector, file));
    });
  }
}

function assertMembers(object: object, required: readonly string[], optional: readonly string[] = []) {
  const found = Object.keys(object);
  for (const member of required) assert.ok(found.includes(member), `${member} is missing`);
  for (const member of found) {
    assert.ok(required.includes(member) || optional.includes(member), `${member} is not known`);
  }
}

/** A failure that says why the case is as it is. */
function explained(vector: Case, check: () => void) {
  try {
    check();
  } catch (error) {
    if (error instanceof Error) error.message = `${vector.name}\nwhy: ${vector.why}\n${error.message}`;
    throw error;
  }
}

/** The suggestion, or what it should have contained. */
function suggested(expected: string | null, actual: string | null): string | null {
  return expected !== null && actual?.includes(expected) ? expected : actual;
}

function assertAnswer(vector: TextCase, value: string | null, actual: string, member: 'host' | 'pin') {
  const answer = JSON.parse(actual);
  const found = {
    value: answer[member] ?? null,
    code: answer.problem?.code ?? null,
    suggestion: vector.suggestion && suggested(vector.suggestion, answer.problem?.suggestion ?? null),
  };
  assert.deepEqual(found, { value, code: vector.code, suggestion: vector.suggestion });
  assert.equal(answer.ok, value !== null);
}

run<HostCase>(
  'hosts.json',
  read('hosts.json'),
  { required: ['input', 'host', 'code', 'suggestion'] },
  (vector) => assertAnswer(vector, vector.host, addon.normalizeHost(vector.input), 'host'),
);

run<PinCase>(
  'pins.json',
  read('pins.json'),
  { required: ['input', 'pin', 'code', 'suggestion', 'warning'] },
  (vector) => {
    assertAnswer(vector, vector.pin, addon.parsePin(vector.input), 'pin');
    const document = { 'example.com': { publicKeyHashes: [vector.input, certificates.leaf?.pin] } };
    const { problems } = JSON.parse(addon.checkDocument(JSON.stringify(document), 0));
    const expected = [vector.code, vector.warning].filter((code) => code !== null);
    assert.deepEqual(
      problems.map((problem: Problem) => problem.code),
      expected,
    );
  },
);

for (const name of ['options.json', 'matching.json', 'expiry.json', 'overlap.json', 'verdicts.json']) {
  run<DocumentCase>(
    name,
    withPins(read(name)),
    { required: ['document'], optional: ['now', 'problems', 'host', 'chain', 'expected'] },
    (vector, file) => {
      const { document, problems, expected } = vector;
      const text = typeof document === 'string' ? document.replaceAll("'", '"') : JSON.stringify(document);
      const now = Date.parse(vector.now ?? file.now ?? '');
      assert.ok(Number.isSafeInteger(now), 'neither the case nor its file has a time');
      assert.ok(problems ?? expected, 'nothing is expected');
      if (problems) assertProblems(problems, JSON.parse(addon.checkDocument(text, now)));
      if (expected) {
        assertMembers(expected, ['verdict'], ['reason', 'entry', 'matchedPin', 'servedPins']);
        assert.notEqual(vector.host, undefined, 'a case with a verdict has a host');
        const chain = vector.chain ?? file.chain;
        assert.ok(chain, 'neither the case nor its file has a chain');
        const verdict = JSON.parse(addon.evaluateDocument(text, vector.host ?? null, chain.map(der), now));
        assert.deepEqual(verdict, { ...verdict, ...expected });
      }
    },
  );
}

function assertProblems(expected: readonly ExpectedProblem[], report: { ok: boolean; problems: Problem[] }) {
  for (const problem of expected) assertMembers(problem, ['path', 'code', 'severity', 'suggestion']);
  const found = report.problems.map(({ path, code, severity, suggestion }, index) => {
    const promised = expected[index]?.suggestion ?? null;
    return { path, code, severity, suggestion: promised && suggested(promised, suggestion) };
  });
  assert.deepEqual(found, expected);
  assert.equal(
    report.ok,
    expected.every(({ severity }) => severity !== 'error'),
  );
}

for (const [id, { pin, describes }] of Object.entries(certificates)) {
  test(`certificates.json: ${id} has its pin (${describes})`, () => {
    assert.deepEqual(servedPins(id), [pin]);
  });
}
for (const [id, { describes }] of Object.entries(broken)) {
  test(`certificates.json: ${id} is no certificate (${describes})`, () => {
    assert.deepEqual(servedPins(id), []);
  });
}

/** The pins of a chain of one certificate, as the core reads it. */
function servedPins(id: string): string[] {
  return JSON.parse(addon.evaluateDocument('{}', 'example.com', [der(id)], 0)).servedPins;
}

test('every file of vectors is run', () => {
  assert.notEqual(Object.keys(certificates).length * Object.keys(broken).length, 0);
  const found = readdirSync(VECTORS).filter((name) => name.endsWith('.json'));
  assert.deepEqual(new Set(found), files);
});
