/** React Native's codegen, of the oldest and the newest version, on the spec that the tarball has. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { NAME, Project } from './tarball.js';

/** The oldest version that works, and the newest that has been tried. */
const OLDEST = '0.80.0';
const NEWEST = '0.88.1';

/** Its types of events are not the ones that the spec imports; TypeScript does not know them either. */
const TOO_OLD = '0.79.7';

const project = new Project('codegen');
after(() => project.remove());
const tarball = await project.pack();

const JAVA = 'java/com/spkipinning/NativeSpkiPinningSpec.java';

/** A folder with one React Native, and the package from its tarball. */
async function installBeside(reactNative: Readonly<Record<string, string>>): Promise<void> {
  const dependencies = { ...reactNative, [NAME]: `file:${tarball.file}` };
  project.writeJson('package.json', { name: 'app', version: '1.0.0', dependencies });
  await project.install('--legacy-peer-deps');
}

/** What Gradle and CocoaPods do first: the schema of a library, out of its spec. */
function parse(platform: string): Promise<string> {
  const { jsSrcsDir } = JSON.parse(project.read(`node_modules/${NAME}/package.json`)).codegenConfig;
  const program = '@react-native/codegen/lib/cli/combine/combine-js-to-schema-cli.js';
  const source = `node_modules/${NAME}/${jsSrcsDir}`;
  return project.node(program, '--platform', platform, `schema.${platform}.json`, source);
}

for (const version of [OLDEST, NEWEST]) {
  test(`React Native ${version} makes the native interfaces`, async (t) => {
    await installBeside({ 'react-native': version });

    await t.test('of Android, as its Gradle plugin has it', async () => {
      const { name, android } = JSON.parse(project.read(`node_modules/${NAME}/package.json`)).codegenConfig;
      await parse('android');
      const where = ['--schemaPath', 'schema.android.json', '--outputDir', `android-${version}`];
      const what = ['--libraryName', name, '--javaPackageName', android.javaPackageName];
      const program = 'react-native/scripts/generate-specs-cli.js';
      await project.node(program, '--platform', 'android', ...where, ...what);
      const made = project.read(`android-${version}/${JAVA}`);
      assert.match(made, /public abstract void initialize\(String document, Promise promise\)/);
      assert.match(made, /public abstract void watch\(String host\)/);
      assert.match(made, /protected final void emitOnEvent\(String value\)/);
      assert.match(project.read(`android-${version}/jni/${name}-generated.cpp`), /"initialize"/);
    });

    await t.test('of iOS, as `pod install` has it', async () => {
      const program = 'react-native/scripts/generate-codegen-artifacts.js';
      await project.node(program, '--path', '.', '--targetPlatform', 'ios', '--outputPath', `ios-${version}`);
      const generated = (path: string) => project.read(`ios-${version}/build/generated/ios/${path}`);
      const folder = version === NEWEST ? 'ReactCodegen/' : '';
      assert.match(
        generated(`${folder}RNSpkiPinningSpec/RNSpkiPinningSpec.h`),
        /- \(void\)initialize:\(NSString \*\)document/,
      );
      assert.match(generated(`${folder}RCTModuleProviders.mm`), /@"SpkiPinning": @"SpkiPinningModule"/);
    });
  });
}

test(`React Native ${TOO_OLD} is too old, as the package says`, async () => {
  const { peerDependencies } = JSON.parse(project.read(`node_modules/${NAME}/package.json`));
  assert.equal(peerDependencies['react-native'], '>=0.80');
  await installBeside({ '@react-native/codegen': TOO_OLD });
  await assert.rejects(parse('android'), /CodegenTypes|EventEmitter/);
});
