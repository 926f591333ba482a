import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { App } from './app.js';

/** More than any app has; who has more is believed to call everything. */
const MOST_FILES = 20_000;

const SOURCE = /\.[cm]?[jt]sx?$/;
/** What others have written, or programs. */
const NOT_THE_APPS = /^(\..*|node_modules|Pods|build|dist|android|ios|coverage|vendor)$/;

/** Whether a word is in any of the app's own sources of JavaScript, or might be in one that was not looked at. */
export function isInSources(app: App, word: string): boolean {
  const folders = [''];
  let seen = 0;
  for (const folder of folders) {
    for (const entry of entriesOf(app.path(folder))) {
      const path = join(folder, entry.name);
      if (entry.isDirectory() && !NOT_THE_APPS.test(entry.name)) folders.push(path);
      if (!SOURCE.test(entry.name) || entry.isDirectory()) continue;
      seen += 1;
      if (seen > MOST_FILES || app.read(path)?.includes(word)) return true;
    }
  }
  return false;
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}
