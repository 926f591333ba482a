import type { Style } from './output.js';

/** The exit codes of every command. */
export const EXIT = {
  /** Everything is well. */
  good: 0,
  /** The verdict is against what was asked about: blocked, errors in a configuration, a chain that nobody accepts. */
  against: 1,
  /** There is no verdict: the command was used wrongly, or its input could not be had. */
  unusable: 2,
} as const;

/** One of {@link EXIT}. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** A failure as the native side reports it. */
export interface ErrorData {
  /** Stable, in kebab-case. */
  readonly code: string;
  /** What happened, for a person. */
  readonly message: string;
  /** What to do, where that is known. */
  readonly suggestion: string | null;
}

/** What stops a command. Printed as data with `--json`, as two lines without. */
export class CliError extends Error implements ErrorData {
  override readonly name = 'CliError';
  readonly code: string;
  readonly suggestion: string | null;
  readonly exitCode: ExitCode;

  constructor(
    code: string,
    message: string,
    suggestion: string | null = null,
    exitCode: ExitCode = EXIT.unusable,
  ) {
    super(message);
    this.code = code;
    this.suggestion = suggestion;
    this.exitCode = exitCode;
  }

  /** What another layer reported. */
  static from(error: ErrorData, exitCode: ExitCode = EXIT.unusable): CliError {
    return new CliError(error.code, error.message, error.suggestion, exitCode);
  }

  /** What more there is to say to people, below the message. */
  details(_style: Style): string {
    return '';
  }

  /** The members that `--json` prints under `error`. */
  toJSON(): ErrorData {
    return { code: this.code, message: this.message, suggestion: this.suggestion };
  }
}

/** A command line that does not say what to do. */
export function usageError(message: string, suggestion: string): CliError {
  return new CliError('usage', message, suggestion);
}
