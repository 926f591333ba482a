// @ts-check
/** Reads static libraries of Apple's platforms anywhere: what they define, and for which processor and system. */

/**
 * One object file of a library.
 * @typedef {object} MachObject
 * @property {string} name
 * @property {string} architecture
 * @property {string | null} platform with the oldest version of the system; null if it does not say (assembly may not)
 * @property {readonly string[]} defined symbols that other object files see, as C spells them
 * @property {readonly string[]} undefined symbols that it needs
 * @property {Readonly<Record<string, number>>} sections their sizes in bytes
 */

const MAGIC_64 = 0xfeedfacf;
const ARCHITECTURES = new Map([
  [0x01000007, 'x86_64'],
  [0x0100000c, 'arm64'],
]);
const PLATFORMS = new Map([
  [2, 'iOS'],
  [7, 'iOS simulator'],
]);
const LC_SYMTAB = 0x2;
const LC_SEGMENT_64 = 0x19;
const LC_BUILD_VERSION = 0x32;
const LC_VERSION_MIN_IPHONEOS = 0x25;

/**
 * The object files of a static library for one architecture (`ar`, as macOS and rustc write it).
 * @param {Buffer} archive
 */
export function objectsOf(archive) {
  if (archive.toString('latin1', 0, 8) !== '!<arch>\n') throw new Error('this is no static library');
  /** @type {MachObject[]} */
  const objects = [];
  for (let at = 8; at + 60 <= archive.length; ) {
    const size = Number(archive.toString('latin1', at + 48, at + 58));
    const shortName = archive.toString('latin1', at, at + 16).trimEnd();
    const nameLength = Number(/^#1\/(\d+)$/.exec(shortName)?.[1] ?? 0);
    const content = archive.subarray(at + 60 + nameLength, at + 60 + size);
    const longName = archive.toString('utf8', at + 60, at + 60 + nameLength).replace(/\0+$/, '');
    if (content.length >= 32 && content.readUInt32LE(0) === MAGIC_64) {
      objects.push(readObject(longName || shortName, content));
    }
    at += 60 + size + (size % 2);
  }
  return objects;
}

/**
 * @param {string} name
 * @param {Buffer} file
 * @returns {MachObject}
 */
function readObject(name, file) {
  const cpu = file.readUInt32LE(4);
  /** @type {{ platform: string | null, symbols: { defined: string[], undefined: string[] }, sections: Record<string, number> }} */
  const found = { platform: null, symbols: { defined: [], undefined: [] }, sections: {} };
  let at = 32;
  for (let left = file.readUInt32LE(16); left > 0; left--) {
    const command = file.readUInt32LE(at);
    if (command === LC_SYMTAB) found.symbols = readSymbols(file, at);
    if (command === LC_SEGMENT_64) Object.assign(found.sections, readSections(file, at));
    if (command === LC_BUILD_VERSION) {
      const platform = file.readUInt32LE(at + 8);
      found.platform = `${PLATFORMS.get(platform) ?? platform} ${version(file.readUInt32LE(at + 12))}`;
    }
    if (command === LC_VERSION_MIN_IPHONEOS) found.platform = `iOS ${version(file.readUInt32LE(at + 8))}`;
    at += file.readUInt32LE(at + 4);
  }
  const { platform, symbols, sections } = found;
  return { name, architecture: ARCHITECTURES.get(cpu) ?? String(cpu), platform, ...symbols, sections };
}

/** @param {number} packed of the form xxxx.yy.zz */
function version(packed) {
  return `${packed >>> 16}.${(packed >>> 8) & 0xff}`;
}

/**
 * @param {Buffer} file
 * @param {number} command its offset
 */
function readSymbols(file, command) {
  const [symbols = 0, count = 0, strings = 0] = [8, 12, 16].map((offset) =>
    file.readUInt32LE(command + offset),
  );
  /** @type {{ defined: string[], undefined: string[] }} */
  const result = { defined: [], undefined: [] };
  for (let index = 0; index < count; index++) {
    const at = symbols + 16 * index;
    const type = file.readUInt8(at + 4);
    const external = (type & 0x01) !== 0 && (type & 0xe0) === 0; // no debugger's symbol
    const hidden = (type & 0x10) !== 0; // ends where libraries are linked
    if (!external || hidden) continue;
    const start = strings + file.readUInt32LE(at);
    const name = file.toString('utf8', start, file.indexOf(0, start)).replace(/^_/, '');
    ((type & 0x0e) === 0 ? result.undefined : result.defined).push(name);
  }
  return result;
}

/**
 * @param {Buffer} file
 * @param {number} command its offset
 */
function readSections(file, command) {
  const sections = Array.from(
    { length: file.readUInt32LE(command + 64) },
    (_, index) => command + 72 + 80 * index,
  );
  return Object.fromEntries(
    sections.map((at) => [
      file.toString('latin1', at, at + 16).replace(/\0.*$/s, ''),
      Number(file.readBigUInt64LE(at + 40)),
    ]),
  );
}
