import { type FileHandle, open } from 'node:fs/promises';
import { CliError, usageError } from './errors.js';

/** More than any file these commands read; it bounds the memory. */
const MAX_BYTES = 64 * 1024 * 1024;

/** What `-` is called in messages. */
export const STANDARD_INPUT = 'standard input';

let standardInputTakenBy: string | null = null;

/** What an option like `--cert` names: a file, a pipe, or `-` for standard input. */
export async function readInput(path: string, what: string): Promise<Buffer> {
  if (path === '')
    throw usageError(`the path of the ${what} is empty`, 'name a file, or - for standard input');
  if (path !== '-') return readPath(path, what);
  if (standardInputTakenBy !== null) {
    const message = `standard input cannot be both the ${standardInputTakenBy} and the ${what}`;
    throw usageError(message, 'give at least one of them as a file');
  }
  standardInputTakenBy = what;
  return collect(process.stdin, STANDARD_INPUT);
}

/** An input's name in messages. */
export function inputName(path: string): string {
  return path === '-' ? STANDARD_INPUT : path;
}

/** As {@link readInput}, for text; a byte order mark is dropped. */
export async function readText(path: string, what: string): Promise<string> {
  const bytes = await readInput(path, what);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new CliError(
      'file-not-utf8',
      `${inputName(path)}: the ${what} is not UTF-8 text`,
      'save it as UTF-8',
    );
  }
}

async function readPath(path: string, what: string): Promise<Buffer> {
  let file: FileHandle | null = null;
  try {
    file = await open(path, 'r');
    const stat = await file.stat();
    if (stat.isDirectory()) {
      throw new CliError('file-is-directory', `${path} is a directory`, `name the file of the ${what}`);
    }
    if (stat.size > MAX_BYTES) throw tooLarge(path);
    return await collect(file.createReadStream({ autoClose: false }), path);
  } catch (error) {
    throw error instanceof CliError ? error : unreadable(path, what, error as NodeJS.ErrnoException);
  } finally {
    await file?.close();
  }
}

/** Reads in pieces: a pipe and `/dev/zero` do not say how long they are. */
async function collect(stream: AsyncIterable<Buffer>, name: string): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of stream) {
    length += piece.length;
    if (length > MAX_BYTES) throw tooLarge(name);
    pieces.push(piece);
  }
  return Buffer.concat(pieces, length);
}

function tooLarge(name: string): CliError {
  return new CliError('file-too-large', `${name} has over 64 MiB`, 'check that it is the right file');
}

function unreadable(path: string, what: string, error: NodeJS.ErrnoException): CliError {
  switch (error.code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new CliError(
        'file-not-found',
        `there is no file ${path}`,
        `check the path of the ${what}; it is relative to the current directory`,
      );
    case 'EACCES':
    case 'EPERM':
      return new CliError(
        'file-not-permitted',
        `${path} may not be read by this user`,
        'change its permissions, or pipe it in and name - as the file',
      );
    default:
      return new CliError(
        'file-unreadable',
        `${path} cannot be read: ${error.message}`,
        `check the path of the ${what}`,
      );
  }
}
