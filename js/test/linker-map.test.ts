import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownersOf } from '../../scripts/lib/dependencies.mjs';
import { contentsOf, crateOf } from '../../scripts/lib/linker-map.mjs';

const MAP = `             VMA              LMA     Size Align Out     In      Symbol
             238              238      10     8 .dynsym
            3998             3998      20     4 .gcc_except_table
            a9c0             a9c0      200    64 .rodata
            a9c0             a9c0      200     4         /target/spki.o:(.rodata..Lanon.1)
           4aee0            4aee0      40     8 .eh_frame
           63dac            63dac      120     4 .text
           63dac            63dac      80     4         /target/spki.o:(.text._RNvNtCsjZ4IHM7aA4x_4sha26sha25611compress256)
           63dac            63dac        0     1                 $x
           63dac            63dac      80     1                 _RNvNtCsjZ4IHM7aA4x_4sha26sha25611compress256
           63e2c            63e2c      10     4         /target/spki.o:(.text._RNvMs2_NtCs34JysSL2q63_4idna5uts46NtB5_5Uts4617process)
           63e3c            63e3c      90     4         /sysroot/libunwind.a(unwind-libunwind.cpp.o):(.text)
`;

test('a map says how much of a library is what, and whose its code is', () => {
  const { kinds, crates } = contentsOf(MAP);
  assert.deepEqual(kinds, { code: 0x120, constants: 0x200, unwinding: 0x60 });
  assert.deepEqual(
    [...crates],
    [
      ['libunwind', 0x90],
      ['sha2', 0x80],
      ['idna', 0x10],
    ],
  );
});

test('code belongs to the crate that wrote it', () => {
  const crates = {
    'o:(.text._RINvNtCs6FIg9uOTrqG_4core3ptr13drop_in_placeINtCsajZhzCq5XKH_8arc_swap5GuardE)': 'core',
    'o:(.text.unlikely._RINvMs6_NtCs9bYY5pmSXXX_12spki_pinning6bridge)': 'spki_pinning',
    'o:(.text.JNI_OnLoad)': 'spki_pinning',
    'o:(.text.uniffi_spki_pinning_fn_method_pinningengine_check)': 'spki_pinning',
    '/deps/libring-508d4b5a69be083b.rlib(0-aesv8-gcm-armv8-linux64.o):(.text)': 'ring',
    '/deps/libring-508d4b5a69be083b.rlib(0-ring.o):(.text._RNvNtCs6FIg9uOTrqG_4core3ptr4read)': 'core',
    'o:(.text.memcpy)': 'other',
    '<internal>:(.text)': 'other',
  };
  for (const [input, crate] of Object.entries(crates)) assert.equal(crateOf(input), crate, input);
});

test('a crate counts for the dependency that alone brings it along', () => {
  const tree = [
    '0 spki-pinning-ffi v0.1.0 (/repository/rust/ffi)',
    '1 spki-pinning-core v0.1.0 (/repository/rust/core)',
    '2 url v2.5.8',
    '3 idna v1.1.0',
    '4 smallvec v1.16.6',
    '1 rustls v0.23.42',
    '2 rustls-pki-types v1.15.0',
    '2 smallvec v1.16.6',
    '1 rustls-pki-types v1.15.0',
  ];
  const owners = ownersOf(tree.join('\n'));
  assert.deepEqual([...(owners.get('idna') ?? [])], ['url']);
  assert.deepEqual([...(owners.get('smallvec') ?? [])], ['url', 'rustls']);
  assert.deepEqual([...(owners.get('rustls_pki_types') ?? [])], ['rustls', 'rustls_pki_types']);
  assert.equal(owners.has('spki_pinning_core'), false);
});
