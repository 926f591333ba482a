// @ts-check
/** The check of the Objective-C++ of ios/Apple where there is no Xcode, and what it has to be laid out for it. */
import { cp, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ROOT, run, runPackage } from './run.mjs';
import { expectSuccess, Failure, step } from './steps.mjs';

const REACT_NATIVE = join(ROOT, 'node_modules/react-native');
const HEADERS = join(ROOT, '.tools/objective-c');
const APPLE = join(ROOT, 'ios/Apple');

/** Where CocoaPods lays out headers of React Native, and where they are. */
const LAYOUT = {
  FBLazyVector: ['Libraries/FBLazyVector'],
  RCTDeprecation: ['ReactApple/Libraries/RCTFoundation'],
  RCTRequired: ['Libraries/Required'],
  RCTTypeSafety: ['Libraries/TypeSafety'],
  React: ['React', 'Libraries', 'ReactApple'],
};

/**
 * Compiles every file as far as that goes without linking.
 * @param {readonly string[]} swift what runs a command where Swift is, which is where clang is
 * @returns {Promise<number>} of files
 */
export async function checkObjectiveC([command = '', ...before]) {
  const files = (await readdir(APPLE))
    .filter((file) => file.endsWith('.mm'))
    .map((file) => join(APPLE, file));
  await step('headers of React Native', layOutHeaders);
  await step(
    'Objective-C++',
    async () => {
      const script = join(ROOT, 'tests/ios/check-objective-c.sh');
      const outcome = await run(command, [...before, 'bash', script, REACT_NATIVE, HEADERS, ...files]);
      expectSuccess('the Objective-C++ does not compile', outcome);
      await checkSwiftHeader();
    },
    () => `${files.length} files`,
  );
  return files.length;
}

async function layOutHeaders() {
  await rm(HEADERS, { recursive: true, force: true });
  for (const [directory, sources] of Object.entries(LAYOUT)) {
    await mkdir(join(HEADERS, directory), { recursive: true });
    for (const header of (await Promise.all(sources.map(headersIn))).flat()) {
      await cp(header, join(HEADERS, directory, basename(header)));
    }
  }
  await generateSpec();
}

/**
 * @param {string} directory of React Native
 * @returns {Promise<string[]>}
 */
async function headersIn(directory) {
  const files = await readdir(join(REACT_NATIVE, directory), { recursive: true });
  const headers = files.filter(
    (file) => file.endsWith('.h') && !/\b(FBReactNativeSpec|Fabric|Tests)\b/.test(file),
  );
  return headers.map((file) => join(REACT_NATIVE, directory, file));
}

/** What codegen makes of js/src/NativeSpkiPinning.ts in an app. */
async function generateSpec() {
  const schema = join(HEADERS, 'schema.json');
  const combine = '@react-native/codegen/lib/cli/combine/combine-js-to-schema-cli.js';
  const parsed = await runPackage(combine, ['--platform', 'ios', schema, 'js/src/NativeSpkiPinning.ts']);
  expectSuccess('codegen does not understand js/src/NativeSpkiPinning.ts', parsed);
  const what = ['--platform', 'ios', '--libraryType', 'modules', '--libraryName', 'RNSpkiPinningSpec'];
  const where = ['--schemaPath', schema, '--outputDir', HEADERS];
  const generated = await runPackage('react-native/scripts/generate-specs-cli.js', [...what, ...where]);
  expectSuccess('codegen makes nothing of js/src/NativeSpkiPinning.ts', generated);
}

/** Holds the header that stands for the Swift compiler's against the Swift: nothing in it that is not there. */
async function checkSwiftHeader() {
  const swift = (await Promise.all(['ios/Core', 'ios/Apple'].map(swiftIn))).flat().join('\n');
  const header = await readFile(join(ROOT, 'tests/ios/shims/SpkiPinning-Swift.h'), 'utf8');
  const invented = declaredNames(header).filter((name) => !isNamedInSwift(name, swift));
  if (invented.length > 0) throw new Failure(`there is no Swift with @objc for ${invented.join(', ')}`);
}

/** @param {string} directory */
async function swiftIn(directory) {
  const files = (await readdir(join(ROOT, directory))).filter((file) => file.endsWith('.swift'));
  return Promise.all(files.map((file) => readFile(join(ROOT, directory, file), 'utf8')));
}

/**
 * The classes, protocols, selectors and properties that an Objective-C header declares.
 * @param {string} header
 */
export function declaredNames(header) {
  let code = header.replace(/\/\/.*$/gm, '');
  for (let before = ''; before !== code; ) {
    before = code;
    code = code.replace(/\([^()]*\)/g, ''); // types, from the inside out
  }
  const types = [...code.matchAll(/^@(?:interface|protocol) (\w+)/gm)].map(([, name = '']) => name);
  const properties = [...code.matchAll(/^@property[^;]*?(\w+);/gm)].map(([, name = '']) => name);
  const methods = [...code.matchAll(/^[-+]([^;]+);/gm)].map(([, text = '']) => text);
  const inherited = methods.filter((text) => text.includes('NS_UNAVAILABLE'));
  const selectors = methods
    .filter((text) => !inherited.includes(text))
    .map((text) => text.match(/\w+:/g)?.join('') ?? text.trim());
  return [...types, ...properties, ...selectors];
}

/**
 * @param {string} name
 * @param {string} swift
 */
function isNamedInSwift(name, swift) {
  if (swift.includes(`@objc(${name})`)) return true;
  return new RegExp(`\\b(class|func|var|let) ${name}\\b`).test(swift); // Objective-C's name is Swift's
}
