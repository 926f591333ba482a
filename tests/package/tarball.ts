/** The package as `npm pack` makes it, and projects that npm installs it into. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The package's name. */
export const NAME = 'react-native-spki-pinning';

/** The name of the package that it replaces, under which npm may install it. */
export const REPLACED = 'react-native-ssl-public-key-pinning';

const QUIET = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  /** Standard output, then what went to standard error. */
  readonly output: string;
}

export interface Tarball {
  /** Its name in the project's directory. */
  readonly file: string;
  /** Its own size, and that of what is in it, in bytes. */
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string; readonly size: number }[];
}

/** A directory of its own, which programs run in. */
export class Project {
  readonly directory: string;
  readonly #env: Readonly<Record<string, string | undefined>>;

  /** @param env on top of this process's; undefined removes */
  constructor(name: string, env: Readonly<Record<string, string | undefined>> = {}) {
    this.directory = mkdtempSync(join(tmpdir(), `spki-${name}-`));
    // Without the mark of this run's own runner, which makes a child talk to it.
    this.#env = { ...process.env, NODE_OPTIONS: '', NODE_TEST_CONTEXT: undefined, CI: '1', ...env };
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Packs the package into the directory. */
  async pack(): Promise<Tarball> {
    const [packed] = JSON.parse(await this.npm('pack', ROOT, '--json', '--ignore-scripts'));
    return { ...packed, file: packed.filename };
  }

  /** Installs what package.json names, or packages. */
  async install(...what: string[]): Promise<void> {
    await this.npm('install', ...QUIET, ...what);
  }

  /** Runs a program to its end, whatever that is. */
  run(program: string, ...args: string[]): Promise<Outcome> {
    const options = { cwd: this.directory, env: this.#env, maxBuffer: 1 << 26 };
    return new Promise((resolve) =>
      execFile(program, args, options, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : 1, stdout, output: `${stdout}${stderr}` }),
      ),
    );
  }

  /** Runs one that has to end well, and returns what it printed. */
  async succeed(program: string, ...args: string[]): Promise<string> {
    const { code, stdout, output } = await this.run(program, ...args);
    assert.equal(code, 0, `${program} ${args.join(' ')}\n${output}`);
    return stdout;
  }

  npm(...args: string[]): Promise<string> {
    return this.succeed('npm', ...args);
  }

  /** Runs a JavaScript program of the project's own packages. */
  node(program: string, ...args: string[]): Promise<string> {
    return this.succeed(process.execPath, join('node_modules', program), ...args);
  }

  /** Runs a JavaScript program of this repository's packages. */
  tool(program: string, ...args: string[]): Promise<string> {
    return this.succeed(process.execPath, join(ROOT, 'node_modules', program), ...args);
  }

  write(path: string, content: string): void {
    mkdirSync(dirname(this.path(path)), { recursive: true });
    writeFileSync(this.path(path), content);
  }

  writeJson(path: string, content: unknown): void {
    this.write(path, JSON.stringify(content, null, 2));
  }

  read(path: string): string {
    return readFileSync(this.path(path), 'utf8');
  }

  has(path: string): boolean {
    return existsSync(this.path(path));
  }

  path(path: string): string {
    return join(this.directory, path);
  }
}
