#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import root from '../node/package-root.cjs';
import { COMMON_OPTIONS, nearest, parse } from './args.js';
import { check } from './check.js';
import { type Command, PROGRAM, type Result } from './command.js';
import { doctor } from './doctor.js';
import { embed } from './embed.js';
import { CliError, EXIT, usageError } from './errors.js';
import { evaluate } from './evaluate.js';
import { hash } from './hash.js';
import { commandHelp, generalHelp } from './help.js';
import { keygen } from './keygen.js';
import { paragraph, printable, printableJson, type Style, styleFor } from './output.js';
import { sign } from './sign.js';
import { verify } from './verify.js';

const COMMANDS: readonly Command[] = [hash, check, evaluate, embed, keygen, sign, verify, doctor];

async function run(words: readonly string[]): Promise<Result> {
  const [name, ...rest] = words;
  switch (name) {
    case undefined:
      throw usageError('there is no command', `see \`${PROGRAM} --help\``);
    case '--json':
      throw usageError(`there is no command before ${name}`, 'name the command first');
    case '--version':
      return good('version', version);
    case '--help':
    case '-h':
    case 'help':
      return help(rest);
    default:
      return runCommand(find(name), rest);
  }
}

async function runCommand(command: Command, words: readonly string[]): Promise<Result> {
  const specs = { ...command.options, ...COMMON_OPTIONS };
  const args = parse(words, specs, `${PROGRAM} help ${command.name}`);
  return args.has('help') ? helpOn(command) : command.run(args);
}

function help(words: readonly string[]): Result {
  const name = words.find((word) => !word.startsWith('-'));
  return name === undefined ? good('help', (style) => generalHelp(COMMANDS, style)) : helpOn(find(name));
}

function helpOn(command: Command): Result {
  return good('help', (style) => commandHelp(command, style));
}

function good(member: string, text: (style: Style) => string): Result {
  return { exitCode: EXIT.good, json: { [member]: text(styleFor({}, {})) }, human: text };
}

function find(name: string): Command {
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (command !== undefined) return command;
  const what = name.startsWith('-') ? 'option' : 'command';
  const near = nearest(name, [...COMMANDS.map((known) => known.name), 'help', '--help', '--version']);
  throw usageError(
    `there is no ${what} ${name}`,
    near === null ? `see \`${PROGRAM} --help\`` : `did you mean \`${near}\`?`,
  );
}

function version(): string {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;
}

function asCliError(error: unknown): CliError {
  if (error instanceof CliError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new CliError(
    'internal-error',
    `this should not happen: ${message}`,
    'report it with the command line',
  );
}

function describeError(error: CliError, style: Style): string {
  const message = paragraph(`error: ${printable(error.message)}`);
  const lines = [message.replace('error:', () => style.bad('error:')), error.details(style)];
  if (error.suggestion !== null) lines.push(paragraph(`-> ${printable(error.suggestion)}`, '  '));
  return lines.filter((line) => line !== '').join('\n');
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A reader that has seen enough (`| head`) is no error; a full disk is.
  if (error.code === 'EPIPE') return;
  process.exitCode = EXIT.unusable;
  process.stderr.write(`error: the output cannot be written: ${error.message}\n`);
});
process.stderr.on('error', () => {}); // there is nobody left to tell

const words = process.argv.slice(2);
const end = words.indexOf('--');
const isJson = words.slice(0, end < 0 ? words.length : end).some((word) => /^--json(=|$)/.test(word));

async function main(): Promise<void> {
  const result = await run(words);
  process.exitCode = result.exitCode;
  const text = isJson ? printableJson(result.json) : result.human(styleFor(process.stdout));
  process.stdout.write(`${text}\n`);
  const notes = isJson ? '' : (result.notes?.(styleFor(process.stderr)) ?? '');
  if (notes !== '') process.stderr.write(`${notes}\n`);
}

function fail(caught: unknown): void {
  const error = asCliError(caught);
  process.exitCode = error.exitCode;
  process.stderr.write(`${describeError(error, styleFor(process.stderr))}\n`);
  if (isJson) process.stdout.write(`${printableJson({ ok: false, error })}\n`);
}

main().catch(fail);
