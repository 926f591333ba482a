import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CliError } from '../errors.js';
import { type FileState, readIfThere } from './file-state.js';
import { RESOURCE } from './resource.js';

/** What embedding comes to in an Android project: the asset, which Gradle packs without being told. */
export async function androidFiles(project: string, document: string): Promise<FileState[]> {
  const path = join(mainSourceSet(project), 'assets', RESOURCE);
  return [{ platform: 'android', role: 'copy', path, is: await readIfThere(path), shouldBe: document }];
}

/** Those of flavors and build types, which Gradle takes in the place of the app's, where they say something else. */
export async function androidOverrides(project: string, document: string): Promise<string[]> {
  const main = findMainSourceSet(project);
  if (main === undefined) return [];
  const directories = (await readdir(dirname(main), { withFileTypes: true })).filter(
    (entry) => entry.isDirectory() && entry.name !== basename(main),
  );
  const paths = directories.map(({ name }) => join(dirname(main), name, 'assets', RESOURCE));
  const found = await Promise.all(paths.map(readIfThere));
  return paths.filter((_, index) => found[index] !== null && found[index] !== document);
}

/** Of the app in a project, or of a directory that is the app's module itself. */
function findMainSourceSet(project: string): string | undefined {
  return sourceSets(project).find((directory) => existsSync(directory));
}

function mainSourceSet(project: string): string {
  const found = findMainSourceSet(project);
  if (found !== undefined) return found;
  throw new CliError(
    'no-android-app',
    `there is no Android app in ${project}: no ${sourceSets(project)[0]}`,
    'name the directory that has the app: --android DIR',
  );
}

function sourceSets(project: string): string[] {
  return [join(project, 'app/src/main'), join(project, 'src/main')];
}
