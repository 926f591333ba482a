import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problemsOfLibrary } from '../../scripts/lib/native.mjs';

/** Of what `readelf -W -l -d --dyn-syms` prints, the lines that matter. */
function printed({ align = '0x4000', needed = 'libc.so', symbols = ['JNI_OnLoad'] } = {}): string {
  return [
    `  LOAD           0x000000 0x0000000000000000 0x0000000000000000 0x05fda8 0x05fda8 R   ${align}`,
    `  LOAD           0x05fdac 0x0000000000063dac 0x0000000000063dac 0x05e554 0x05e554 R E ${align}`,
    ` 0x0000000000000001 (NEEDED)             Shared library: [${needed}]`,
    '     1: 0000000000000000     0 FUNC    GLOBAL DEFAULT  UND memcpy',
    ...symbols.map((name) => `     2: 0000000000064000    64 FUNC    GLOBAL DEFAULT   11 ${name}`),
    '',
  ].join('\n');
}

test('a library as Android wants it has no problems', () => {
  const symbols = [
    'JNI_OnLoad',
    'uniffi_spki_pinning_fn_free_pinningengine',
    'ffi_spki_pinning_rustbuffer_free',
  ];
  assert.deepEqual(problemsOfLibrary(printed({ symbols }), true), []);
});

test('what a library must not be is named', () => {
  const problems = {
    'its pages are not of 16 KiB: 1000, 1000': printed({ align: '0x1000' }),
    'it needs libc++_shared.so': printed({ needed: 'libc++_shared.so' }),
    'it exports rust_eh_personality': printed({ symbols: ['JNI_OnLoad', 'rust_eh_personality'] }),
    'it does not export JNI_OnLoad': printed({ symbols: [] }),
  };
  for (const [problem, output] of Object.entries(problems)) {
    assert.deepEqual(problemsOfLibrary(output, true), [problem]);
  }
  assert.deepEqual(problemsOfLibrary(printed({ align: '0x1000' }), false), [], 'on a 32-bit processor');
  assert.match(problemsOfLibrary('', true).join('; '), /it has no segments/);
});
