import { join } from 'node:path';
import { androidFiles } from './android.js';
import type { FileState, Platform } from './file-state.js';
import { iosFiles } from './ios.js';

const FILES: Readonly<Record<Platform, (directory: string, document: string) => Promise<FileState[]>>> = {
  android: androidFiles,
  ios: iosFiles,
};

/** The directory of each platform's project. */
export type Projects = Readonly<Partial<Record<Platform, string>>>;

/** The files that embedding a configuration concerns, in every project. Nothing is written. */
export async function filesToEmbed(projects: Projects, document: string): Promise<FileState[]> {
  const platforms = (Object.keys(FILES) as Platform[]).filter((platform) => projects[platform] !== undefined);
  const files = await Promise.all(
    platforms.map((platform) => FILES[platform](join(projects[platform] ?? ''), document)),
  );
  return files.flat();
}
