// @ts-check
/**
 * What React Native's Gradle plugin does in an app: the Java class of the TurboModule, from js/src/NativeSpkiPinning.ts.
 * Argument: the directory to write to.
 */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const requireOfReactNative = createRequire(createRequire(root).resolve('react-native/package.json'));
const { TypeScriptParser } = requireOfReactNative('@react-native/codegen/lib/parsers/typescript/parser');
const RNCodegen = requireOfReactNative('@react-native/codegen/lib/generators/RNCodegen');

const outputDirectory = process.argv[2];
const schema = new TypeScriptParser().parseFile(`${root}/js/src/NativeSpkiPinning.ts`);
const written = RNCodegen.generate(
  {
    libraryName: 'NativeSpkiPinning',
    schema,
    outputDirectory,
    packageName: 'com.spkipinning',
    assumeNonnull: false,
  },
  { generators: ['modulesAndroid'] },
);
if (!written) throw new Error('codegen refused js/src/NativeSpkiPinning.ts');
