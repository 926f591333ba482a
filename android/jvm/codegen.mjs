// @ts-check
/**
 * What React Native's Gradle plugin does in an app: the Java class of a TurboModule, from its specification in TypeScript.
 * Arguments: that file, the package of the class, the directory to write to.
 */
import { createRequire } from 'node:module';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const requireOfReactNative = createRequire(createRequire(root).resolve('react-native/package.json'));
const { TypeScriptParser } = requireOfReactNative('@react-native/codegen/lib/parsers/typescript/parser');
const RNCodegen = requireOfReactNative('@react-native/codegen/lib/generators/RNCodegen');

const [specification = '', packageName, outputDirectory] = process.argv.slice(2);
const schema = new TypeScriptParser().parseFile(specification);
const written = RNCodegen.generate(
  {
    libraryName: basename(specification, '.ts'),
    schema,
    outputDirectory,
    packageName,
    assumeNonnull: false,
  },
  { generators: ['modulesAndroid'] },
);
if (!written) throw new Error(`codegen refused ${specification}`);
