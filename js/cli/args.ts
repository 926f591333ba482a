import { parseArgs } from 'node:util';
import { usageError } from './errors.js';

/** An option of a command: its value's name in the help, or null for a switch. */
export interface OptionSpec {
  readonly value: string | null;
  readonly help: string;
  readonly short?: string;
  /** Whether it may be given more than once. */
  readonly repeatable?: boolean;
}

/** The options of a command by their long names. */
export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

/** Those that every command has. */
export const COMMON_OPTIONS: OptionSpecs = {
  json: { value: null, help: 'print one JSON document' },
  help: { value: null, help: 'print this help', short: 'h' },
};

/** A command line as its command reads it. */
export interface Arguments {
  readonly operands: readonly string[];
  /** The value of an option, if it was given; the first one. */
  value(name: string): string | undefined;
  /** All values of an option that is repeatable. */
  values(name: string): readonly string[];
  /** Whether an option was given. */
  has(name: string): boolean;
}

/** Reads the words after a command's name; every word has to mean something. */
export function parse(words: readonly string[], specs: OptionSpecs, help: string): Arguments {
  const options = Object.fromEntries(
    Object.entries(specs).map(([name, spec]) => {
      const type = spec.value === null ? ('boolean' as const) : ('string' as const);
      return [name, spec.short === undefined ? { type } : { type, short: spec.short }];
    }),
  );
  // Not strict: its errors know nothing of typing mistakes, and it takes the last of two contradicting values.
  const { tokens } = parseArgs({ args: [...words], options, strict: false, tokens: true });
  const values = new Map<string, string[]>();
  const operands: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') operands.push(token.value);
    if (token.kind !== 'option') continue;
    const spec = Object.hasOwn(specs, token.name) ? specs[token.name] : undefined;
    if (spec === undefined) throw unknownOption(token.rawName, Object.keys(specs), help);
    const before = values.get(token.name) ?? [];
    if (before.length > 0 && !spec.repeatable)
      throw usageError(`${token.rawName} is given twice`, 'give it once');
    if (spec.value === null && token.value !== undefined) {
      throw usageError(`${token.rawName} takes no value`, `use ${token.rawName} alone`);
    }
    const missing = token.value === undefined || (!token.inlineValue && /^-./.test(token.value));
    if (spec.value !== null && missing) {
      throw usageError(`${token.rawName} needs a value`, `use ${token.rawName} ${spec.value}`);
    }
    values.set(token.name, [...before, token.value ?? '']);
  }
  return {
    operands,
    value: (name) => values.get(name)?.[0],
    values: (name) => values.get(name) ?? [],
    has: (name) => values.has(name),
  };
}

function unknownOption(rawName: string, known: readonly string[], help: string) {
  const near = nearest(rawName.replace(/^-+/, ''), known);
  return usageError(
    `there is no option ${rawName}`,
    near === null ? `see \`${help}\`` : `did you mean \`--${near}\`?`,
  );
}

/** The known word that was probably meant, if any is close. */
export function nearest(word: string, known: readonly string[]): string | null {
  if (word.length > 40) return null;
  const lower = word.toLowerCase();
  const ranked = known
    .map((candidate) => ({ candidate, distance: distance(lower, candidate) }))
    .filter(({ candidate, distance }) => distance <= Math.max(1, Math.floor(candidate.length / 3)))
    .sort((a, b) => a.distance - b.distance);
  return ranked[0]?.candidate ?? null;
}

/** Edits between two words: insertions, deletions, replacements, neighbours swapped (optimal string alignment). */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  const at = (i: number, j: number) => rows[i]?.[j] ?? Number.POSITIVE_INFINITY;
  for (let i = 1; i <= a.length; i++) {
    rows.push([i]);
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(i - 2, j - 2) + 1 : replaced;
      rows[i]?.push(Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, replaced, swapped));
    }
  }
  return at(a.length, b.length);
}
