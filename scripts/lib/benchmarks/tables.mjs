// @ts-check
/** Benchmarks as Markdown, the ratios first: what docs/benchmarks.md keeps. */

/**
 * One measurement.
 * @typedef {{ group: string, name: string, ns: number }} Measurement
 */

/** What each measurement is compared with: its group, and the one of the group that stands for 1. */
const BASES = [
  { group: 'check, chain of three', base: /^bare SHA-256 of the same keys\/(.*)$/, of: /^match at\/(.*)$/ },
  { group: 'check by number of domains, match at intermediate', base: /^(1)$/, of: /^()(?!1$)\d+$/ },
  { group: 'request, new connection, full handshake', base: /^(without pins)$/, of: /^()(?!without)/ },
  { group: 'request, pooled connection', base: /^(without pins)$/, of: /^()(?!without)/ },
  { group: 'check on a JVM', base: /^certificatePinner: (.*)$/, of: /^thisPackage: (.*)$/ },
  { group: 'initialising on a JVM', base: /^certificatePinner: (.*)$/, of: /^thisPackage: (.*)$/ },
  { group: 'start of a process', base: /^certificatePinner: (.*)$/, of: /^thisPackage: (.*)$/ },
  { group: 'check from Swift', base: /^by the C function: (.*)$/, of: /^by uniffi: (.*)$/ },
  {
    group: 'check on a JVM',
    base: /^thisPackage: (JDK certificates, match at intermediate), 1 domains$/,
    of: /^thisPackage: (JDK certificates, match at intermediate), (?!1 )\d+ domains$/,
  },
];

/** @param {readonly Measurement[]} found */
export function ratios(found) {
  const rows = BASES.flatMap(({ group, base, of }) => {
    const inGroup = found.filter((measurement) => measurement.group === group);
    return inGroup.flatMap((measurement) => {
      const subject = of.exec(measurement.name)?.[1];
      if (subject === undefined) return [];
      const against = inGroup.find(({ name }) => {
        const key = base.exec(name)?.[1];
        return key !== undefined && (subject === '' || key === subject);
      });
      if (against === undefined) return [];
      return [[group, measurement.name, against.name, ratio(measurement.ns / against.ns)]];
    });
  });
  return table(['', '', 'compared with', 'ratio'], rows);
}

/** @param {readonly Measurement[]} found */
export function times(found) {
  return table(
    ['', '', 'time'],
    found.map(({ group, name, ns }) => [group, name, inWords(ns)]),
  );
}

/** @param {readonly import('./jvm.mjs').Request[]} found */
export function requests(found) {
  const rows = found.map(({ how, name, ns, ratio: [from, ratio, to], addedCpuNs, turns }) => [
    `request through React Native, ${how}`,
    name,
    ratio.toFixed(3),
    `${from.toFixed(3)} to ${to.toFixed(3)}`,
    (addedCpuNs[1] / 1000).toFixed(1),
    inWords(ns),
    `${turns}`,
  ]);
  const head = [
    '',
    'pinned by',
    'ratio',
    '95 % certain',
    'processor time on top, µs',
    'median time',
    'turns',
  ];
  return table(head, rows);
}

/**
 * Bytes for each domain, and all of them.
 * @param {readonly import('./jvm.mjs').Heap[]} heap
 * @param {Awaited<ReturnType<import('./rust.mjs').measureRustMemory>>} rust
 */
export function memory(heap, rust) {
  const rows = heap.map(({ domains, certificatePinner, thisPackage }) => {
    const { inForce, atMost } = rust.find((each) => each.domains === domains) ?? { inForce: 0, atMost: 0 };
    const each = (/** @type {number} */ bytes) => `${Math.round(bytes / domains)}`;
    return [
      `${domains}`,
      ratio((inForce + thisPackage) / certificatePinner),
      ...[inForce, thisPackage, certificatePinner, atMost].map(each),
    ];
  });
  const head = [
    'domains',
    'ratio',
    'this package: Rust',
    'and JVM',
    'CertificatePinner',
    'Rust, while reading',
  ];
  return table(head, rows);
}

/** @param {Awaited<ReturnType<import('./rust.mjs').countInstructions>>} counted */
export function instructions(counted) {
  const rows = counted.map(({ name, instructions }) => {
    const place = /^check, (leaf|intermediate|root)/.exec(name)?.[1];
    const bare = counted.find((other) => other.name === `bare SHA-256, ${place}`)?.instructions;
    const beside =
      bare === undefined ? ['', ''] : [ratio(instructions / bare), inThousands(instructions - bare)];
    return [name, inThousands(instructions), ...beside];
  });
  return table(['operation', 'instructions', 'of the bare SHA-256', 'beside it'], rows);
}

/**
 * @param {readonly string[]} head what is named with nothing is words, and so is the first column
 * @param {readonly (readonly string[])[]} rows
 */
function table(head, rows) {
  const number = /^(-?[\d.,]+( (ns|µs|ms|to [\d.]+))?)?$/;
  const isNumbers = (/** @type {number} */ index) =>
    index > 0 && rows.every((row) => number.test(row[index] ?? ''));
  const line = (/** @type {readonly string[]} */ cells) => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, index) => (isNumbers(index) ? '---:' : '---'));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}

/** @param {number} value */
function ratio(value) {
  return value.toPrecision(3);
}

/** @param {number} count */
function inThousands(count) {
  return count.toLocaleString('en-US');
}

/** @param {number} ns */
function inWords(ns) {
  const units = /** @type {const} */ ([
    [1e6, 'ms'],
    [1e3, 'µs'],
    [1, 'ns'],
  ]);
  const [size, unit] = units.find(([least]) => ns >= least) ?? [1, 'ns'];
  return `${(ns / size).toPrecision(3)} ${unit}`;
}
