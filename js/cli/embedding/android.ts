import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CliError } from '../errors.js';
import { type FileState, readIfThere } from './file-state.js';
import { RESOURCE } from './resource.js';

/** What embedding comes to in an Android project: the asset, which Gradle packs without being told. */
export async function androidFiles(project: string, document: string): Promise<FileState[]> {
  const path = join(mainSourceSet(project), 'assets', RESOURCE);
  return [{ platform: 'android', role: 'copy', path, is: await readIfThere(path), shouldBe: document }];
}

/** Of the app in a project, or of a directory that is the app's module itself. */
function mainSourceSet(project: string): string {
  const candidates = [join(project, 'app/src/main'), join(project, 'src/main')];
  const found = candidates.find((directory) => existsSync(directory));
  if (found !== undefined) return found;
  throw new CliError(
    'no-android-app',
    `there is no Android app in ${project}: no ${candidates[0]}`,
    'name the directory that has the app: --android DIR',
  );
}
