import { type FileHandle, link, open, unlink } from 'node:fs/promises';
import { CliError } from './errors.js';

/** Writes a file that is whole or not there, and never one that is there already. */
export async function writeNew(path: string, content: string, mode: number): Promise<void> {
  const unfinished = `${path}.${process.pid}.new`;
  try {
    const file = await open(unfinished, 'wx', mode);
    try {
      await fill(file, content);
      await link(unfinished, path); // unlike a rename, it fails where there is a file
    } finally {
      await unlink(unfinished).catch(() => {});
    }
  } catch (error) {
    throw unwritable(path, error as NodeJS.ErrnoException);
  }
}

async function fill(file: FileHandle, content: string): Promise<void> {
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

function unwritable(path: string, error: NodeJS.ErrnoException): CliError {
  if (error.code === 'EEXIST') {
    return new CliError(
      'file-exists',
      `there is a file ${path} already`,
      'name another one; nothing was written',
    );
  }
  if (error.code === 'ENOENT') {
    return new CliError('file-not-found', `there is no folder for ${path}`, 'make the folder first');
  }
  return new CliError('file-unwritable', `${path} cannot be written: ${error.message}`, 'name another place');
}
