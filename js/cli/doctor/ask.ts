import { execFile } from 'node:child_process';
import type { App } from './app.js';

const TIMEOUT_S = 60;

/** What a program said on standard output, or why it said nothing. */
export type Answer =
  | { readonly ok: true; readonly output: string }
  | { readonly ok: false; readonly why: string };

/** Runs Node in the root of an app. */
export function ask(app: App, args: readonly string[]): Promise<Answer> {
  return new Promise((resolve) => {
    const options = {
      cwd: app.directory,
      timeout: TIMEOUT_S * 1000,
      killSignal: 'SIGKILL',
      maxBuffer: 64 * 1024 * 1024,
    } as const;
    execFile(process.execPath, args, options, (failure, output, errors) => {
      if (failure === null) resolve({ ok: true, output });
      else resolve({ ok: false, why: failure.killed ? `no answer in ${TIMEOUT_S} s` : reasonIn(errors) });
    });
  });
}

/** The line of an uncaught error. */
function reasonIn(errors: string): string {
  const lines = errors.split('\n').filter((line) => line.trim() !== '');
  return lines.find((line) => /^\w*Error\b/.test(line)) ?? lines[0] ?? 'it failed without a word';
}
