import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { CliError } from '../errors.js';

/** A package that is installed for an app. */
export interface Installed {
  readonly directory: string;
  /** Its own name: another one than it is imported by, if it came by an alias. */
  readonly name: string;
  readonly version: string;
}

/** A React Native app as it is on disk. */
export class App {
  readonly directory: string;
  readonly #declared: ReadonlySet<string>;

  /** Throws a CliError if there is no app. */
  constructor(directory: string) {
    this.directory = resolve(directory);
    if (this.read('package.json') === null) {
      throw new CliError(
        'no-app',
        `there is no package.json in ${this.directory}`,
        'run it in the root of the app',
      );
    }
    const manifest = this.readJson('package.json');
    if (manifest === null) {
      throw new CliError(
        'app-unreadable',
        `${this.path('package.json')} is not JSON`,
        'see what npm says of it',
      );
    }
    this.#declared = new Set(
      ['dependencies', 'devDependencies'].flatMap((kind) => Object.keys(record(manifest[kind]))),
    );
  }

  path(name: string): string {
    return resolve(this.directory, name);
  }

  /** The text of a file of the app, or null. */
  read(name: string): string | null {
    return readText(this.path(name));
  }

  /** The content of a file of the app, or null if it is no JSON or not there. */
  readJson(name: string): Record<string, unknown> | null {
    return readJson(this.path(name));
  }

  /** Of what is in a folder of the app; none of one that is not there. */
  names(folder: string): string[] {
    try {
      return readdirSync(this.path(folder));
    } catch {
      return [];
    }
  }

  /** The package that the app gets by this name: its own, or, in a monorepo, one further up. */
  find(name: string): Installed | null {
    for (let place = this.directory; ; place = dirname(place)) {
      const directory = join(place, 'node_modules', name);
      const manifest = readJson(join(directory, 'package.json'));
      if (manifest !== null)
        return { directory, name: String(manifest.name), version: String(manifest.version) };
      if (place === dirname(place)) return null;
    }
  }

  /** Whether the app itself asks for a package of this name. */
  asksFor(name: string): boolean {
    return this.#declared.has(name);
  }

  /** As {@link find}, of what the app itself asks for; what others brought along need not be used. */
  findOwn(name: string): Installed | null {
    return this.asksFor(name) ? this.find(name) : null;
  }
}

/** Whatever is no object has no members. */
export function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** Without a byte order mark, as npm reads files. */
function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').replace(/^\ufeff/, '');
  } catch {
    return null;
  }
}

function readJson(path: string): Record<string, unknown> | null {
  const text = readText(path);
  try {
    return text === null ? null : record(JSON.parse(text));
  } catch {
    return null;
  }
}
