/** Which entry Metro, React Native's bundler, takes: under conditions that apps give it for the sake of other packages too. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from './documents.js';
import { Workspace } from './workspace.js';

// By its place: it comes with React Native.
const require = createRequire(import.meta.url);
const Metro = createRequire(require.resolve('react-native/package.json'))('metro');

const RUNTIME = join(ROOT, 'node_modules/metro-runtime');

const app = new Workspace();
const NAME = 'react-native-spki-pinning';
for (const path of ['package.json', 'lib/src', 'lib/web']) {
  cpSync(join(ROOT, path), app.path(`node_modules/${NAME}/${path}`), { recursive: true });
}
for (const name of ['react', 'react-native']) {
  mkdirSync(app.path(`node_modules/${name}`));
  app.write(`node_modules/${name}/package.json`, JSON.stringify({ name, main: 'index.js' }));
  app.write(`node_modules/${name}/index.js`, `module.exports = 'the ${name} of the app';`);
}
app.write('package.json', '{}');
app.write('index.js', `require('${NAME}');`);

/** The code of an app's bundle. */
async function bundle(platform: string, resolver: object): Promise<string> {
  const defaults = await Metro.loadConfig({ cwd: app.directory, resetCache: true });
  const config = Metro.mergeConfig(defaults, {
    projectRoot: app.directory,
    watchFolders: [app.directory, RUNTIME],
    resolver: { ...resolver, useWatchman: false, extraNodeModules: { 'metro-runtime': RUNTIME } },
    transformer: { babelTransformerPath: require.resolve('metro-babel-transformer') },
    cacheStores: [],
    fileMapCacheDirectory: app.directory,
    maxWorkers: 1,
    reporter: { update() {} },
  });
  const { code } = await Metro.runBuild(config, { entry: 'index.js', platform, dev: false, minify: false });
  return code;
}

test('a phone gets the entry for phones, whatever conditions the bundler goes by', async () => {
  const ways = [
    { unstable_conditionNames: ['react-native'] },
    { unstable_conditionNames: ['browser', 'require', 'react-native'] }, // as is told those who use Supabase
    { unstable_conditionNames: ['require', 'default', 'browser'] },
    { unstable_conditionNames: ['require'] },
    { unstable_enablePackageExports: false, resolverMainFields: ['react-native', 'browser', 'main'] },
  ];
  for (const resolver of ways) {
    for (const platform of ['android', 'ios']) {
      const code = await bundle(platform, resolver);
      const way = `${platform} ${JSON.stringify(resolver)}`;
      assert.ok(code.includes('TurboModuleRegistry'), way);
      assert.ok(!code.includes('cannot pin in a browser'), way);
    }
  }
});

test('the web gets the entry that needs neither React nor React Native', async () => {
  const code = await bundle('web', { unstable_conditionNames: ['browser', 'require', 'react-native'] });
  assert.ok(code.includes('cannot pin in a browser'));
  assert.ok(!code.includes("of the app'"));
});
