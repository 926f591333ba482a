import assert from 'node:assert/strict';
import { test } from 'node:test';
import { declaredIn, problemsOfIosLibrary, withOwnNames } from '../../scripts/lib/apple.mjs';
import { objectsOf } from '../../scripts/lib/mach-o.mjs';
import { declaredNames } from '../../scripts/lib/objective-c.mjs';

const TARGET = 'aarch64-apple-ios';
const DECLARED = ['spki_pinning_check', 'uniffi_spki_pinning_fn_method_pinningengine_check'];
const GOOD = {
  name: 'a.o',
  architecture: 'arm64',
  platform: 'iOS 15.1',
  defined: [...DECLARED, 'UNIFFI_META_SPKI_PINNING_METHOD_PINNINGENGINE_CHECK', 'spki_eh_personality'],
  undefined: ['malloc', 'clock_gettime'],
  sections: {},
};

/** An object file for iOS 15.1 on arm64 that defines one symbol, in a library as `ar` writes it. */
function libraryWith(symbol: string): Buffer {
  const strings = Buffer.from(`\0_${symbol}\0`);
  const words = [
    ...[0xfeedfacf, 0x0100000c, 0, 1, 2, 48, 0, 0],
    ...[0x32, 24, 2, 0x000f0100, 0, 0], // LC_BUILD_VERSION
    ...[0x2, 24, 80, 1, 96, strings.length], // LC_SYMTAB
    ...[1, 0x0f, 0, 0], // the symbol: its name, in a section and seen from outside
  ];
  const object = Buffer.concat([Buffer.from(Uint32Array.from(words).buffer), strings]);
  const header = `${'a.o/'.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'644'.padEnd(8)}`;
  return Buffer.concat([Buffer.from(`!<arch>\n${header}${String(object.length).padEnd(10)}\`\n`), object]);
}

test('an object file of a static library says what it defines and for which system', () => {
  const [object, ...more] = objectsOf(libraryWith('spki_pinning_check'));
  assert.deepEqual(more, []);
  assert.equal(object?.platform, 'iOS 15.1');
  assert.equal(object.architecture, 'arm64');
  assert.deepEqual(object.defined, ['spki_pinning_check']);
});

test('what every Rust library defines gets a name of ours, and nothing else does', () => {
  const own = (name: string) => {
    const library = libraryWith(name);
    return objectsOf(withOwnNames(library, objectsOf(library)))[0]?.defined;
  };
  assert.deepEqual(own('rust_eh_personality'), ['spki_eh_personality']);
  assert.deepEqual(own('uniffi_spki_pinning_checksum'), ['uniffi_spki_pinning_checksum']);
});

test('a library for iOS that is as it should be has no problems', () => {
  assert.deepEqual(problemsOfIosLibrary([GOOD], DECLARED, TARGET, ''), []);
});

const REASONS = '<string>NSPrivacyAccessedAPICategoryFileTimestamp</string>';

test('a library for iOS with anything wrong is refused', () => {
  const problems = (change: Partial<typeof GOOD>, declared = DECLARED) =>
    problemsOfIosLibrary([{ ...GOOD, ...change }], declared, TARGET, REASONS).join();
  assert.match(
    problems({ platform: 'iOS simulator 15.1' }),
    /it is for iOS simulator 15\.1 arm64, not iOS 15\.1 arm64/,
  );
  assert.match(problems({ platform: 'iOS 10.0' }), /it is for iOS 10\.0/);
  assert.match(problems({}, [...DECLARED, 'spki_pinning_free']), /does not define spki_pinning_free/);
  assert.match(problems({}, []), /declare nothing/);
  assert.match(
    problems({ defined: [...GOOD.defined, 'rust_eh_personality'] }),
    /defines rust_eh_personality/,
  );
  assert.match(problems({ defined: [...GOOD.defined, 'spki_testing_hook'] }), /for tests: spki_testing_hook/);
  assert.equal(problems({ undefined: ['fstat'] }), '');
  assert.match(problems({ undefined: ['fstatfs'] }), /no reason for fstatfs/);
});

test('the functions of a header are those that it declares, not those of its comments', () => {
  const header =
    '// spki_pinning_old(\nvoid uniffi_spki_pinning_fn_a(uint64_t);\nchar *spki_pinning_check(int a,\n int b);';
  assert.deepEqual(declaredIn(header), ['uniffi_spki_pinning_fn_a', 'spki_pinning_check']);
});

test('the names of an Objective-C header are its types, properties and whole selectors', () => {
  const header = [
    '@class SPKOther; // - (void)gone;',
    '@interface SPKLoad : NSObject',
    '@property(nonatomic, readonly, nullable) NSError *refusal;',
    '- (instancetype)init NS_UNAVAILABLE;',
    '- (void)cancel;',
    '- (void)take:(NSURL *)url',
    '    then:(void (^)(NSURL *, void (^)(BOOL)))block;',
    '@end',
  ].join('\n');
  assert.deepEqual(declaredNames(header), ['SPKLoad', 'refusal', 'cancel', 'take:then:']);
});
