import {
  access,
  chmod,
  constants,
  mkdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { dirname } from 'node:path';
import { CliError } from '../errors.js';

/** The platforms of an app. */
export type Platform = 'android' | 'ios';

/** A file of a native project: what it holds, and what it has to hold for the configuration to be embedded. */
export interface FileState {
  readonly platform: Platform;
  readonly path: string;
  /** What is done to it. */
  readonly role: 'copy' | 'registration';
  /** Null if there is no such file. */
  readonly is: string | null;
  readonly shouldBe: string;
}

/** The text of a file, or null. */
export async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    throw new CliError('file-unreadable', `${path} cannot be read: ${message}`, 'see what is in its place');
  }
}

export function isUpToDate({ is, shouldBe }: FileState): boolean {
  return is === shouldBe;
}

/** Writes those files that are not as they should be. */
export async function bringUpToDate(files: readonly FileState[]): Promise<void> {
  for (const { path, shouldBe } of files.filter((file) => !isUpToDate(file))) {
    try {
      await mkdir(dirname(path), { recursive: true });
      await replace(path, shouldBe);
    } catch (error) {
      throw new CliError(
        'file-unwritable',
        `${path} cannot be written: ${(error as Error).message}`,
        'let this user write there, then run this again',
      );
    }
  }
}

/** Whole or as it was, whatever happens: half a project is none. A link stays one, and what may not be written is not. */
async function replace(path: string, content: string): Promise<void> {
  const target = await realpath(path).catch(() => path);
  const mode = await stat(target).then(
    (before) => before.mode,
    () => null,
  );
  if (mode !== null) await access(target, constants.W_OK);
  const unfinished = `${target}.${process.pid}.new`;
  try {
    await writeFile(unfinished, content, { flag: 'wx', flush: true });
    if (mode !== null) await chmod(unfinished, mode);
    await rename(unfinished, target);
  } finally {
    await rm(unfinished, { force: true });
  }
}
