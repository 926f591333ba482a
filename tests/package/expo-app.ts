/** A fresh Expo app with this package from its tarball, as `npm install` brings it. */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { NAME, type Outcome, Project } from './tarball.js';

/** The newest Expo SDK that installs whole, with the React Native that it asks for. */
const DEPENDENCIES = { expo: '58.0.26', react: '19.3.0', 'react-native': '0.88.1' };

/** An app in a directory of its own. */
export class ExpoApp extends Project {
  private constructor() {
    super('expo', { EXPO_OFFLINE: '1', EXPO_NO_TELEMETRY: '1', NO_COLOR: '1' });
  }

  /** Makes the app and installs what it needs, from npm and from this repository's build. */
  static async create(): Promise<ExpoApp> {
    const app = new ExpoApp();
    const { file } = await app.pack();
    const dependencies = { ...DEPENDENCIES, [NAME]: `file:${file}` };
    app.writeJson('package.json', { name: 'app', version: '1.0.0', main: 'index.js', dependencies });
    await app.install();
    return app;
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
      plugins: [[NAME, pluginOptions]],
      ...more,
    };
    this.writeJson('app.json', { expo });
  }

  /**
   * `expo prebuild` for both platforms, without a network.
   * @param keeping what is there, and what somebody has changed in it, as older SDKs did by themselves
   */
  prebuild(keeping = true): Promise<Outcome> {
    const more = keeping ? ['--no-clean'] : [];
    return this.program('node_modules/expo/bin/cli', 'prebuild', '--no-install', ...more);
  }

  /** Runs a JavaScript program, by its path. */
  program(path: string, ...args: string[]): Promise<Outcome> {
    return this.run(process.execPath, path, ...args);
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
}
