import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CliError } from '../errors.js';
import { type FileState, readIfThere } from './file-state.js';
import { RESOURCE } from './resource.js';
import { XcodeProject, XcodeProjectError } from './xcode-project.js';

/** What embedding comes to in an Xcode project: the file, and that the app has it as a resource. */
export async function iosFiles(directory: string, document: string): Promise<FileState[]> {
  const path = join(await xcodeproj(directory), 'project.pbxproj');
  const source = await readIfThere(path);
  if (source === null) throw noProject(`${directory}: there is no ${path}`);
  try {
    const project = new XcodeProject(source);
    const copy = join(directory, project.placeOf(RESOURCE));
    return [
      { platform: 'ios', role: 'copy', path: copy, is: await readIfThere(copy), shouldBe: document },
      { platform: 'ios', role: 'registration', path, is: source, shouldBe: project.withResource(RESOURCE) },
    ];
  } catch (error) {
    if (!(error instanceof XcodeProjectError)) throw error;
    throw new CliError(
      'unknown-xcode-project',
      `${path} cannot be changed: ${error.message}`,
      `in Xcode, add ${RESOURCE} to the app's target by hand, then run this again`,
    );
  }
}

async function xcodeproj(directory: string): Promise<string> {
  const names = await readdir(directory).catch(() => [] as string[]);
  const [name, ...more] = names.filter((name) => name.endsWith('.xcodeproj') && name !== 'Pods.xcodeproj');
  if (name === undefined) throw noProject(`${directory}: there is no .xcodeproj`);
  if (more.length === 0) return join(directory, name);
  throw noProject(`${directory}: there are several projects, ${[name, ...more].join(', ')}`);
}

function noProject(why: string): CliError {
  return new CliError(
    'no-xcode-project',
    `there is no one Xcode project in ${why}`,
    'name the directory that has the app: --ios DIR',
  );
}
