// @ts-check
/** What is in a library, by the account that lld gives of it (`-Map`). */

/** Sections of the file by what they are for. */
const KINDS = {
  code: ['.text'],
  constants: ['.rodata'],
  unwinding: ['.eh_frame', '.eh_frame_hdr', '.gcc_except_table', '.ARM.exidx', '.ARM.extab'],
};

/** VMA, LMA, size, alignment; then in one of three columns a section, what went into it, or a symbol of that. */
const LINE = /^ *[0-9a-f]+ +[0-9a-f]+ +([0-9a-f]+) +\d+ ( {8})?(\S.*)$/;

/**
 * @typedef {object} Contents bytes
 * @property {Readonly<Record<keyof typeof KINDS, number>>} kinds
 * @property {ReadonlyMap<string, number>} crates code by crate, the largest first
 */

/**
 * @param {string} map
 * @returns {Contents}
 */
export function contentsOf(map) {
  const kinds = { code: 0, constants: 0, unwinding: 0 };
  /** @type {Map<string, number>} */
  const crates = new Map();
  let section = '';
  for (const line of map.split('\n')) {
    const [, digits = '', isInput, name = ''] = LINE.exec(line) ?? [];
    const size = Number.parseInt(digits, 16);
    if (name === '') continue;
    if (isInput === undefined) {
      section = name;
      for (const kind of kindsOf(section)) kinds[kind] += size;
    } else if (KINDS.code.includes(section)) {
      const crate = crateOf(name);
      crates.set(crate, (crates.get(crate) ?? 0) + size);
    }
  }
  return { kinds, crates: new Map([...crates].sort(([, one], [, other]) => other - one)) };
}

/** @param {string} section */
function kindsOf(section) {
  const kinds = /** @type {(keyof typeof KINDS)[]} */ (Object.keys(KINDS));
  return kinds.filter((kind) => KINDS[kind].includes(section));
}

/**
 * The crate whose code it is. What is generic counts for the crate that wrote it, not for the one that uses it.
 * @param {string} input of the form `object.o:(.text.SYMBOL)`, or an archive's `library.a(object.o):(.text)`
 */
export function crateOf(input) {
  const [, symbol = ''] = /:\(\.text\.(?:unlikely\.)?(.*)\)$/.exec(input) ?? [];
  if (/libunwind/.test(input)) return 'libunwind';
  // C and assembly of a crate.
  const [, archive] = /\blib(\w+)-[0-9a-f]{16}\.rlib\(/.exec(input) ?? [];
  if (archive !== undefined && !symbol.startsWith('_R')) return archive;
  if (/^(JNI_|uniffi_spki|ffi_spki)/.test(symbol)) return 'spki_pinning';
  // Rust's mangling v0: a crate's root is C, perhaps with a number to tell it apart, the length of its name, its name.
  const [, length = '', rest = ''] = /^_R.*?C(?:s[0-9A-Za-z]*_)?(\d+)_?([A-Za-z_]\w*)/.exec(symbol) ?? [];
  return rest.slice(0, Number(length)) || 'other';
}
