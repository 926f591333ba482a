import { styleText } from 'node:util';

/** Every printed line ends before this column where it can. */
export const WIDTH = 100;

/** How text stands out. Identity functions where there is no terminal. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  bad(text: string): string;
  caution(text: string): string;
}

type Format = Parameters<typeof styleText>[0];

/** Colours for a terminal; plain text for a pipe, under `NO_COLOR` and on a dumb terminal. `FORCE_COLOR` wins. */
export function styleFor(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv = process.env): Style {
  const colours = wantsColours(stream, env);
  // Decided above for this stream; styleText's own look at standard output is switched off.
  const paint = (format: Format) => (text: string) =>
    colours ? styleText(format, text, { validateStream: false }) : text;
  return {
    bold: paint('bold'),
    dim: paint('dim'),
    good: paint(['bold', 'green']),
    bad: paint(['bold', 'red']),
    caution: paint(['bold', 'yellow']),
  };
}

function wantsColours(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  const forced = env.FORCE_COLOR;
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  return stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
}

/**
 * What text may do to where it is printed: control a terminal, turn the direction of writing, and, in the log of a build
 * service, give a command: `##vso[…]`, `##teamcity[…]` and `##[…]` anywhere in a line, `::name::` where one starts.
 */
const ACTIVE =
  /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]|(?<=#)#|(?<=(?:^|\s):):(?=[\w-]+[\s\S]*::)/gu;

/** Text of unknown origin (a certificate's subject, a key of a configuration) as it may be printed. */
export function printable(text: string): string {
  return text.replace(ACTIVE, (character) => {
    const digits = character.charCodeAt(0).toString(16);
    return digits.length > 2 ? `\\u${digits.padStart(4, '0')}` : `\\x${digits.padStart(2, '0')}`;
  });
}

/** As JSON: the same text for a program, but inactive where it is printed. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(ACTIVE, (character) =>
    character === '\n' ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/**
 * Breaks one paragraph at spaces into lines; each but the first begins with `indent`. A long word stays whole, and so
 * does a command between backticks, which is there to be copied.
 */
export function wrap(text: string, indent = '', width = WIDTH): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.match(/ *(?:`[^`]*`[^ ]*|[^ ]+)/g) ?? []) {
    if (line !== '' && line.length + word.length > width) {
      lines.push(line);
      line = indent + word.trimStart();
    } else {
      line += word;
    }
  }
  return [...lines, line];
}

/** A paragraph of our own wording, wrapped and indented throughout. */
export function paragraph(text: string, indent = ''): string {
  return wrap(indent + text, indent).join('\n');
}

/** At most 300 characters of a text that may be a megabyte. */
export function excerpt(text: string): string {
  return text.length <= 300 ? text : `${text.slice(0, 300)}...`;
}

/** `1 error`, `2 errors`. */
export function count(number: number, singular: string): string {
  return `${number} ${singular}${number === 1 ? '' : 's'}`;
}
