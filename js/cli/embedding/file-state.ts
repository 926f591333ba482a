import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

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
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

export function isUpToDate({ is, shouldBe }: FileState): boolean {
  return is === shouldBe;
}

/** Writes those files that are not as they should be. */
export async function bringUpToDate(files: readonly FileState[]): Promise<void> {
  for (const { path, shouldBe } of files.filter((file) => !isUpToDate(file))) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, shouldBe);
  }
}
