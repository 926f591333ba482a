import type { Arguments, OptionSpecs } from './args.js';
import type { ExitCode } from './errors.js';
import type { Style } from './output.js';

/** What people type before a command. */
export const PROGRAM = 'npx react-native-spki-pinning';

/** One command of the command line. */
export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** The forms of its command line, without the program's name. */
  readonly usage: readonly string[];
  /** What to know beyond the options; paragraphs. */
  readonly about: readonly string[];
  readonly options: OptionSpecs;
  run(args: Arguments): Promise<Result>;
}

/** What a command found out: printed as `json` or for people. */
export interface Result {
  readonly exitCode: ExitCode;
  readonly json: unknown;
  human(style: Style): string;
  /** For people, on standard error: standard output is for a program. */
  notes?(style: Style): string;
}
