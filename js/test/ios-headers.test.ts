/**
 * Objective-C's view of the Swift in ios/, which only Apple's compiler writes. `npm run test:ios` compiles the Objective-C++
 * against a header that stands for it, and finds what that has and the Swift has not; here is the rest that can differ.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { declaredNames } from '../../scripts/lib/objective-c.mjs';

const ROOT = new URL('../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, ROOT), 'utf8');

const HEADER = declaredNames(read('tests/ios/shims/SpkiPinning-Swift.h'));
const SWIFT = ['ios/Core/', 'ios/Apple/']
  .flatMap((directory) =>
    readdirSync(new URL(directory, ROOT))
      .filter((file) => file.endsWith('.swift'))
      .map((file) => read(directory + file)),
  )
  .join('\n')
  .replace(/\/\/.*$/gm, '');

const MODIFIERS = String.raw`(?:(?:public|static|final)\s+)*`;
const DECLARATION = new RegExp(
  String.raw`@objc(?:\(([\w:]+)\))?\s*(?:#endif\s*)?${MODIFIERS}(class|protocol|func|init|var)\b\s*(\w*)(\(?)`,
  'g',
);

interface Declaration {
  /** Objective-C's. */
  readonly name: string;
  /** How many arguments a method takes, the error of one that throws included. Undefined: it is no method. */
  readonly arguments?: number;
}

const DECLARED = [...SWIFT.matchAll(DECLARATION)].map(
  ({ 0: text, 1: given, 2: kind, 3: own = '', index }) => {
    const name = given ?? own;
    if (kind !== 'func' && kind !== 'init') return { name };
    return { name, arguments: argumentsOf(SWIFT.slice(index + text.length)) };
  },
) satisfies Declaration[];

/** Of a list of parameters and what follows it. */
function argumentsOf(swift: string): number {
  let depth = 1;
  let count = /^\s*\)/.test(swift) ? 0 : 1;
  let end = 0;
  for (; depth > 0; end++) {
    const character = swift[end];
    assert(character !== undefined, 'a list of parameters does not end');
    if (character === '(') depth++;
    if (character === ')') depth--;
    if (character === ',' && depth === 1) count++;
  }
  return /^\s*throws\b/.test(swift.slice(end)) ? count + 1 : count;
}

test('all that the Swift gives to Objective-C is in the header', () => {
  assert(DECLARED.length > 30, 'the Swift is not understood');
  const missing = DECLARED.filter(({ name }) => !HEADER.includes(name));
  assert.deepEqual(missing, []);
});

test('a selector has as many parts as its method has arguments', () => {
  const wrong = DECLARED.filter(
    (declared) =>
      declared.arguments !== undefined && declared.name.split(':').length - 1 !== declared.arguments,
  );
  assert.deepEqual(wrong, []);
});

// Those of `f(didReceive response:)` and `f(didReceive data:)` would be the same, and only Apple's compiler would say so.
test('no selector of a method with arguments is left to the compiler in a protocol', () => {
  const protocols = [...SWIFT.matchAll(/@objc\(\w+\)\s*(?:#endif\s*)?public protocol \w+[^{]*\{([^}]*)\}/g)];
  assert(protocols.length >= 2, 'the protocols are not understood');
  for (const [, body = ''] of protocols) {
    const methods = body.match(/\bfunc \w+\([^)]/g)?.length;
    assert.equal(body.match(/@objc\([\w:]+\)/g)?.length, methods);
  }
});
