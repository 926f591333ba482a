import { readdirSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { CliError } from '../errors.js';
import { type FileState, readIfThere } from './file-state.js';
import { RESOURCE } from './resource.js';
import { buildsApp, XcodeProject, XcodeProjectError } from './xcode-project.js';

/**
 * What embedding comes to in an Xcode project: the file, and that the app has it as a resource.
 *
 * @param place The directory of the project, or an `.xcodeproj` itself.
 */
export async function iosFiles(place: string, document: string): Promise<FileState[]> {
  const { directory, path, source } = await findProject(place);
  try {
    const project = new XcodeProject(source, (folder) => filesIn(directory, folder));
    const copy = join(directory, project.placeOf(RESOURCE));
    return [
      { platform: 'ios', role: 'copy', path: copy, is: await readIfThere(copy), shouldBe: document },
      { platform: 'ios', role: 'registration', path, is: source, shouldBe: project.withResource(RESOURCE) },
    ];
  } catch (error) {
    if (!(error instanceof XcodeProjectError)) throw error;
    const byHand = `in Xcode, add ${RESOURCE} to the app's target by hand, then run this again`;
    throw unusable(path, error.message, error.suggestion ?? byHand);
  }
}

/** The text of a `project.pbxproj`, and where it is. */
interface Project {
  readonly directory: string;
  readonly path: string;
  readonly source: string;
}

/** The one that is named, or that is the only one to build an app: there may be others for libraries. */
async function findProject(place: string): Promise<Project> {
  if (/\.xcodeproj[/\\]?$/.test(place)) return readProject(place); // shells complete it with a slash
  const names = await readdir(place).catch(() => [] as string[]);
  const projects = names.filter((name) => name.endsWith('.xcodeproj') && name !== 'Pods.xcodeproj');
  if (projects.length === 0) throw noProject(`${place}: there is no .xcodeproj`, '--ios DIR');
  const all = await Promise.all(projects.map((name) => readProject(join(place, name))));
  const [project, ...more] = all.length === 1 ? all : all.filter(({ source }) => buildsApp(source));
  if (project !== undefined && more.length === 0) return project;
  throw noProject(
    `${place}: there are several, ${projects.join(', ')}`,
    `--ios ${join(place, projects[0] ?? '')}`,
  );
}

async function readProject(xcodeproj: string): Promise<Project> {
  const path = join(xcodeproj, 'project.pbxproj');
  const directory = dirname(xcodeproj);
  const bytes = await readFile(path).catch(() => null);
  if (bytes === null) throw noProject(`${directory}: there is no ${path}`, '--ios DIR');
  try {
    // Nothing may get lost, since the text is written again: neither a byte order mark nor what is no UTF-8.
    const source = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return { directory, path, source };
  } catch {
    throw unusable(path, 'it is not UTF-8 text', 'save it in Xcode, which writes UTF-8');
  }
}

function filesIn(directory: string, folder: string): string[] {
  try {
    return readdirSync(join(directory, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => relative(directory, join(entry.parentPath, entry.name)).replaceAll(sep, '/'));
  } catch {
    return []; // it will be made
  }
}

function unusable(path: string, why: string, suggestion: string): CliError {
  return new CliError('unknown-xcode-project', `${path} cannot be changed: ${why}`, suggestion);
}

function noProject(why: string, option: string): CliError {
  return new CliError(
    'no-xcode-project',
    `there is no one Xcode project in ${why}`,
    `name the one that has the app: ${option}`,
  );
}
