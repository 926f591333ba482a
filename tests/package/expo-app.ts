/** A fresh Expo app with this package from its tarball, as `npm install` brings it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The newest Expo SDK that installs whole, with the React Native that it asks for. */
const DEPENDENCIES = { expo: '56.0.23', react: '19.2.3', 'react-native': '0.85.3' };

export interface Outcome {
  readonly code: number;
  /** Standard output, then what went to standard error. */
  readonly output: string;
}

/** An app in a directory of its own. */
export class ExpoApp {
  readonly directory = mkdtempSync(join(tmpdir(), 'spki-expo-'));

  /** Makes the app and installs what it needs, from npm and from this repository's build. */
  static async create(): Promise<ExpoApp> {
    const app = new ExpoApp();
    const pack = ['pack', ROOT, '--json', '--ignore-scripts'];
    const [{ filename }] = JSON.parse((await app.#run('npm', pack)).output);
    const dependencies = { ...DEPENDENCIES, 'react-native-spki-pinning': `file:${filename}` };
    app.write(
      'package.json',
      JSON.stringify({ name: 'app', version: '1.0.0', main: 'index.js', dependencies }),
    );
    const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    const installed = await app.#run('npm', ['install', ...quiet]);
    assert.equal(installed.code, 0, installed.output);
    return app;
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** The app's configuration with our plugin, and the native projects of an earlier one gone. */
  start(pluginOptions: unknown, more: object = {}): void {
    for (const name of ['android', 'ios'])
      rmSync(join(this.directory, name), { recursive: true, force: true });
    this.configure(pluginOptions, more);
  }

  configure(pluginOptions: unknown, more: object = {}): void {
    const expo = {
      name: 'My App',
      slug: 'app',
      version: '1.0.0',
      ios: { bundleIdentifier: 'com.example.app' },
      android: { package: 'com.example.app' },
      plugins: [['react-native-spki-pinning', pluginOptions]],
      ...more,
    };
    this.write('app.json', JSON.stringify({ expo }));
  }

  /** `expo prebuild` for both platforms, without a network. */
  prebuild(): Promise<Outcome> {
    return this.node('node_modules/expo/bin/cli', 'prebuild', '--no-install');
  }

  /** Runs a program in the app. */
  node(program: string, ...args: string[]): Promise<Outcome> {
    return this.#run(process.execPath, [program, ...args]);
  }

  write(path: string, content: string): void {
    mkdirSync(dirname(join(this.directory, path)), { recursive: true });
    writeFileSync(join(this.directory, path), content);
  }

  read(path: string): string {
    return readFileSync(join(this.directory, path), 'utf8');
  }

  /** Every file of the native projects with its content. */
  nativeFiles(): Record<string, string> {
    const files = ['android', 'ios'].flatMap((name) =>
      readdirSync(join(this.directory, name), { recursive: true, withFileTypes: true }),
    );
    const paths = files.filter((file) => file.isFile()).map((file) => join(file.parentPath, file.name));
    return Object.fromEntries(
      paths.sort().map((path) => [path.slice(this.directory.length + 1), readFileSync(path, 'latin1')]),
    );
  }

  #run(command: string, args: readonly string[]): Promise<Outcome> {
    const env = { ...process.env, CI: '1', EXPO_OFFLINE: '1', EXPO_NO_TELEMETRY: '1', NO_COLOR: '1' };
    const options = { cwd: this.directory, env, maxBuffer: 64 * 1024 * 1024 };
    return new Promise((resolve) => {
      execFile(command, args, options, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : 1, output: stdout + stderr });
      });
    });
  }
}
