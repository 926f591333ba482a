import { COMMON_OPTIONS, type OptionSpec } from './args.js';
import { type Command, PROGRAM } from './command.js';
import { paragraph, type Style, wrap } from './output.js';

/** What the program can do. */
export function generalHelp(commands: readonly Command[], style: Style): string {
  return [
    'Pins of public keys (SPKI) for React Native: make them, check them, try them.',
    '',
    style.bold('Usage'),
    `  ${PROGRAM} COMMAND`,
    '',
    style.bold('Commands'),
    ...commands.map(({ name, summary }) => row(name, summary, 12)),
    row('help', 'help on a command: help COMMAND', 12),
    '',
    style.bold('Options of every command'),
    ...optionRows(COMMON_OPTIONS),
    row('    --version', 'print the version', WIDE),
    '',
    'Exit codes: 0 good, 1 the verdict is against it, 2 wrong usage or unusable input.',
  ].join('\n');
}

/** What a command can do. */
export function commandHelp(command: Command, style: Style): string {
  return [
    paragraph(`${command.name}: ${command.summary}`),
    '',
    style.bold('Usage'),
    ...command.usage.flatMap((form) => wrap(`  ${PROGRAM} ${form}`, '      ')),
    '',
    style.bold('Options'),
    ...optionRows({ ...command.options, ...COMMON_OPTIONS }),
    '',
    command.about.map((text) => paragraph(text)).join('\n\n'),
  ].join('\n');
}

const WIDE = 28;

function optionRows(options: Readonly<Record<string, OptionSpec>>): string[] {
  return Object.entries(options).map(([name, { value, help, short }]) => {
    const long = `${short === undefined ? '    ' : `-${short}, `}--${name}`;
    return row(value === null ? long : `${long} ${value}`, help, WIDE);
  });
}

function row(left: string, right: string, width: number): string {
  return wrap(`  ${left.padEnd(width)}${right}`, ' '.repeat(width + 2)).join('\n');
}
