import { createHash } from 'node:crypto';
import { basename, posix } from 'node:path';
import { type Dictionary, type List, parsePropertyList, type Value } from './property-list.js';

const APP = 'com.apple.product-type.application';
/** A folder whose files belong to targets without being listed (Xcode 16 and newer). */
const FOLDER = 'PBXFileSystemSynchronizedRootGroup';

/** An app that a project builds. */
interface Target {
  readonly id: string;
  readonly name: string;
  /** The id of its lists of build settings. */
  readonly settings: string;
  /** The files of its phases for resources. */
  readonly resources: readonly List[];
  /** The ids of folders whose files it has as resources (Xcode 16 and newer). */
  readonly folders: readonly string[];
}

/** A resource of a project. */
interface Resource {
  /** Its file, relative to the project's directory; null if there is none. */
  readonly path: string | null;
  readonly missingIn: readonly Target[];
}

/** What is in the way of a registration. */
export class XcodeProjectError extends Error {
  /** What to do, where it is not to register the file by hand. */
  readonly suggestion: string | null;

  constructor(message: string, suggestion: string | null = null) {
    super(message);
    this.suggestion = suggestion;
  }
}

/** Whether a project is one of an app, and not of libraries alone. */
export function buildsApp(source: string): boolean {
  return source.includes(`"${APP}"`);
}

/**
 * An Xcode project, `project.pbxproj`. It is written to by inserting lines: nothing that is there moves, so that the change
 * is four lines to review. (The npm package `xcode` would write the whole file anew, and bring eleven packages into the
 * tree of every app.)
 */
export class XcodeProject {
  readonly #source: string;
  readonly #filesIn: (folder: string) => readonly string[];
  readonly #objects: Dictionary;
  readonly #project: Dictionary;
  readonly #mainGroup: string;

  /**
   * Throws an {@link XcodeProjectError}.
   * @param filesIn The files in a folder, at any depth; both relative to the project's directory. Such folders are on disk
   *   only: the project does not list what is in them.
   */
  constructor(source: string, filesIn: (folder: string) => readonly string[] = () => []) {
    this.#source = source;
    this.#filesIn = filesIn;
    try {
      const root = parsePropertyList(source);
      this.#objects = dictionary(member(root, 'objects'));
      this.#project = this.#object(text(member(root, 'rootObject')));
      this.#mainGroup = text(member(this.#project, 'mainGroup'));
    } catch (error) {
      throw new XcodeProjectError(`it is not a project in Xcode's text format (${(error as Error).message})`);
    }
  }

  /** Whether every app that the project builds has the resource of this name. */
  has(name: string): boolean {
    return this.#find(name).missingIn.length === 0;
  }

  /** Where the resource is, or else is best put: relative to the project's directory. */
  placeOf(name: string): string {
    return posix.join(this.#root(), this.#placeOf(name));
  }

  /** The project with the resource of this name in every app that it builds, from the place that {@link placeOf} says. */
  withResource(name: string): string {
    const { missingIn } = this.#find(name);
    if (missingIn.length === 0) return this.#source;
    const known = this.#reference(name);
    const path = this.#placeOf(name);
    const reference = known ?? identifier(`reference ${path}`);
    const insertions = known === null ? this.#referenceTo(path, reference) : [];
    for (const target of missingIn) insertions.push(...this.#buildFile(name, reference, target));
    const changed = this.#insert(insertions);
    const result = new XcodeProject(changed, this.#filesIn);
    if (!result.has(name) || result.#placeOf(name) !== path) {
      throw new XcodeProjectError('it is made in a way that is not known here');
    }
    return changed;
  }

  /** Where the paths of the project start, relative to its directory. */
  #root(): string {
    return text(member(this.#project, 'projectDirPath'));
  }

  #placeOf(name: string): string {
    return this.#find(name).path ?? posix.join(this.#folderOf(this.#targets()[0]), name);
  }

  #find(name: string): Resource {
    const targets = this.#targets();
    const reference = this.#reference(name);
    const folder = targets.flatMap(({ folders }) => folders)[0];
    if (reference === null && folder === undefined) return { path: null, missingIn: targets };
    const path = reference === null ? this.#placeIn(folder ?? '', name) : this.#pathOf(reference);
    if (path === null) throw new XcodeProjectError(`its ${name} is outside of the project's directory`);
    const folders = [...this.#objects.entries].filter(([, object]) => isA(object, FOLDER));
    const has = (target: Target) =>
      (reference !== null && this.#builds(target, reference)) ||
      folders.some(([id]) => this.#holds(id, target, path));
    return { path, missingIn: targets.filter((target) => !has(target)) };
  }

  /** The id of the file reference with this name that is the apps'; one that tests alone have is not. */
  #reference(name: string): string | null {
    const named = [...this.#objects.entries]
      .filter(
        ([, object]) => isA(object, 'PBXFileReference') && basename(text(member(object, 'path'))) === name,
      )
      .map(([id]) => id);
    const targets = this.#targets();
    const built = named.filter((id) => targets.some((target) => this.#builds(target, id)));
    if (built.length > 1)
      throw several(
        name,
        built.map((id) => this.#pathOf(id) ?? id),
      );
    return built[0] ?? named.find((id) => !this.#isUsed(id)) ?? null;
  }

  #builds(target: Target, reference: string): boolean {
    return target.resources.some((files) => this.#lists(files, reference));
  }

  /** Whether any target has a file, in any phase. */
  #isUsed(reference: string): boolean {
    return [...this.#objects.entries.values()].some((object) =>
      this.#lists(member(object, 'files'), reference),
    );
  }

  #lists(files: Value | undefined, reference: string): boolean {
    return ids(files).some((file) => text(member(this.#objects.entries.get(file), 'fileRef')) === reference);
  }

  /** Where a file is in a folder of the project, or else is best put. */
  #placeIn(folder: string, name: string): string | null {
    const directory = this.#pathOf(folder);
    if (directory === null) return null;
    const root = this.#root();
    const found = this.#filesIn(posix.join(root, directory)).filter((path) => basename(path) === name);
    if (found.length > 1) throw several(name, found);
    return found[0] === undefined ? posix.join(directory, name) : posix.relative(root, found[0]);
  }

  /** Whether a folder makes a file in it a resource of a target: all but the exceptions; of another target's, only those. */
  #holds(folder: string, target: Target, path: string): boolean {
    const relative = posix.relative(this.#pathOf(folder) ?? '', path);
    const exceptions = ids(member(this.#object(folder), 'exceptions')).map((id) => this.#object(id));
    const isExcepted = exceptions.some(
      (set) =>
        text(member(set, 'target')) === target.id &&
        ids(member(set, 'membershipExceptions')).includes(relative),
    );
    return !relative.startsWith('..') && target.folders.includes(folder) !== isExcepted;
  }

  /** The apps for phones, in Xcode's order: an app for a watch has the same type. */
  #targets(): Target[] {
    const all = ids(member(this.#project, 'targets')).map((id) => [id, this.#object(id)] as const);
    const targets = all.filter(
      ([, target]) =>
        text(member(target, 'productType')) === APP &&
        !this.#settings(text(member(target, 'buildConfigurationList')), 'SDKROOT').includes('watchos'),
    );
    if (targets.length === 0) throw new XcodeProjectError('it builds no app');
    return targets.map(([id, target]) => {
      const phases = ids(member(target, 'buildPhases')).map((phase) => this.#objects.entries.get(phase));
      return {
        id,
        name: text(member(target, 'name')),
        settings: text(member(target, 'buildConfigurationList')),
        resources: phases
          .filter((phase) => isA(phase, 'PBXResourcesBuildPhase'))
          .map((phase) => list(member(phase, 'files'))),
        folders: ids(member(target, 'fileSystemSynchronizedGroups')),
      };
    });
  }

  /** Relative to the project's directory; null if it is somewhere else. */
  #pathOf(id: string): string | null {
    const object = this.#object(id);
    const path = text(member(object, 'path'));
    const tree = text(member(object, 'sourceTree'));
    if (tree === 'SOURCE_ROOT') return path;
    if (tree !== '<group>') return null;
    if (id === this.#mainGroup) return path;
    const parent = [...this.#objects.entries].find(([, group]) =>
      ids(member(group, 'children')).includes(id),
    )?.[0];
    if (parent === undefined) return null;
    const above = this.#pathOf(parent);
    return above === null ? null : posix.join(above, path);
  }

  /** The folder that an app's own files are in: that of its Info.plist. */
  #folderOf(target: Target | undefined): string {
    const [plist = ''] = this.#settings(target?.settings ?? '', 'INFOPLIST_FILE');
    const folder = posix.dirname(plist.replace(/^\$\((SRCROOT|PROJECT_DIR)\)\//, ''));
    return /[$]|^\//.test(folder) ? '' : folder;
  }

  /** A build setting in each configuration of a list of them. */
  #settings(configurations: string, name: string): string[] {
    return ids(member(this.#objects.entries.get(configurations), 'buildConfigurations')).map((id) =>
      text(member(member(this.#objects.entries.get(id), 'buildSettings'), name)),
    );
  }

  /** The group to show a file in. */
  #groupOf(target: string): string {
    const groups = ids(member(this.#object(this.#mainGroup), 'children'));
    const named = groups.find((id) => {
      const group = this.#objects.entries.get(id);
      return (
        isA(group, 'PBXGroup') && [text(member(group, 'name')), text(member(group, 'path'))].includes(target)
      );
    });
    return named ?? this.#mainGroup;
  }

  #referenceTo(path: string, id: string): Insertion[] {
    const name = basename(path);
    const group = this.#groupOf(this.#targets()[0]?.name ?? '');
    return [
      ...this.#entry(
        'PBXFileReference',
        id,
        `${id} /* ${name} */ = {isa = PBXFileReference; fileEncoding = 4; lastKnownFileType = text.json; ` +
          `name = ${quote(name)}; path = ${quote(path)}; sourceTree = SOURCE_ROOT; };`,
      ),
      ...this.#item(list(member(this.#object(group), 'children')), id, name),
    ];
  }

  #buildFile(name: string, reference: string, target: Target): Insertion[] {
    const [resources] = target.resources;
    if (resources === undefined) {
      throw new XcodeProjectError(`the target ${target.name} has no build phase for resources`);
    }
    const id = identifier(`build file of ${reference} in ${target.id}`);
    return [
      ...this.#entry(
        'PBXBuildFile',
        id,
        `${id} /* ${name} in Resources */ = {isa = PBXBuildFile; fileRef = ${reference} /* ${name} */; };`,
      ),
      ...this.#item(resources, id, `${name} in Resources`),
    ];
  }

  /** An object of the project, in the section that Xcode keeps its kind in. */
  #entry(kind: string, id: string, line: string): Insertion[] {
    if (this.#objects.entries.has(id)) return []; // what a merge has left of an earlier run
    const mark = `/* Begin ${kind} section */`;
    const section = this.#source.indexOf(mark);
    const at = section < 0 ? this.#objects.start : section + mark.length;
    return [{ at, text: `${this.#newline()}\t\t${line}` }];
  }

  #item(into: List, id: string, comment: string): Insertion[] {
    if (ids(into).includes(id)) return [];
    const line = this.#source.lastIndexOf('\n', into.start - 1) + 1;
    const indent = /^[\t ]*/.exec(this.#source.slice(line))?.[0] ?? '';
    return [{ at: into.start, text: `${this.#newline()}${indent}\t${id} /* ${comment} */,` }];
  }

  #newline(): string {
    return this.#source.includes('\r\n') ? '\r\n' : '\n';
  }

  #insert(insertions: readonly Insertion[]): string {
    return [...insertions]
      .sort((a, b) => b.at - a.at)
      .reduce((source, { at, text }) => source.slice(0, at) + text + source.slice(at), this.#source);
  }

  #object(id: string): Dictionary {
    return dictionary(this.#objects.entries.get(id));
  }
}

interface Insertion {
  readonly at: number;
  readonly text: string;
}

/** Two files of one name would be copied to one place, which fails the build. */
function several(name: string, paths: readonly string[]): XcodeProjectError {
  return new XcodeProjectError(
    `its apps have several files named ${name}: ${paths.join(', ')}`,
    'keep one, as a resource of every app that it is for',
  );
}

/** The same in every checkout: 24 hexadecimal digits, as Xcode makes them. */
function identifier(of: string): string {
  return createHash('sha256')
    .update(`react-native-spki-pinning ${of}`)
    .digest('hex')
    .slice(0, 24)
    .toUpperCase();
}

function quote(word: string): string {
  return /^[\w./]+$/.test(word) ? word : `"${word.replace(/["\\]/g, '\\$&')}"`;
}

function isA(object: Value | undefined, kind: string): boolean {
  return text(member(object, 'isa')) === kind;
}

function member(value: Value | undefined, name: string): Value | undefined {
  return value?.kind === 'dictionary' ? value.entries.get(name) : undefined;
}

/** Empty for what is not there. */
function text(value: Value | undefined): string {
  return value?.kind === 'text' ? value.text : '';
}

function ids(value: Value | undefined): string[] {
  return value?.kind === 'list' ? value.items.map(text) : [];
}

function list(value: Value | undefined): List {
  if (value?.kind !== 'list') throw new XcodeProjectError('a list is missing in it');
  return value;
}

function dictionary(value: Value | undefined): Dictionary {
  if (value?.kind !== 'dictionary') throw new XcodeProjectError('an object is missing in it');
  return value;
}
