import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type App, record } from './app.js';
import { ask } from './ask.js';
import { error, type Finding, note, warning } from './finding.js';
import { findPackage, PACKAGE, REPLACED } from './installation.js';

const PLATFORMS = ['android', 'ios'] as const;

/** Whether the builds will link the native part, by the word of the program that they ask themselves. */
export async function checkAutolinking(app: App): Promise<Finding[]> {
  const installed = findPackage(app);
  if (installed === null) return [];
  const linked = await linkedPlatforms(app, installed.directory);
  if (linked === null) {
    const message =
      'whether the native part is linked is not known: the React Native command line does not answer here';
    return [note('autolinking-unknown', message, 'npx react-native config'), ...whatIsInTheWay(app)];
  }
  const missing = PLATFORMS.filter((platform) => !linked.includes(platform));
  if (missing.length === 0) return [note('autolinking', 'the native part is linked on both platforms')];
  return [
    error(
      'not-linked',
      `the native part is not linked on ${missing.join(' and ')}`,
      'look for an entry that excludes it in react-native.config.js, or in package.json under expo.autolinking',
    ),
  ];
}

/** What can be told by the app's files, where nobody could be asked. */
function whatIsInTheWay(app: App): Finding[] {
  const names = [PACKAGE, REPLACED];
  const findings: Finding[] = [];
  if (!names.some((name) => app.asksFor(name))) {
    const message = `the package.json of the app does not ask for ${PACKAGE}, and nothing else is linked`;
    findings.push(error('not-declared', message, `npm install ${PACKAGE}, in ${app.directory}`));
  }
  const files = ['js', 'ts', 'cjs', 'mjs'].map((kind) => `react-native.config.${kind}`);
  const file = files.find((path) => names.some((name) => app.read(path)?.includes(name)));
  const { autolinking } = record(app.readJson('package.json')?.expo);
  const isExcluded = names.some((name) => JSON.stringify(autolinking ?? {}).includes(`"${name}"`));
  const place = file ?? (isExcluded ? 'package.json, under expo.autolinking,' : undefined);
  if (place !== undefined) {
    const message = `${place} says something about how this package is linked`;
    findings.push(warning('linking-changed', message, 'see that it is left out on no platform'));
  }
  return findings;
}

/** Null where nobody could be asked. */
async function linkedPlatforms(app: App, directory: string): Promise<string[] | null> {
  const autolinking = app.find('expo') && app.find('expo-modules-autolinking');
  if (autolinking) {
    const program = join(autolinking.directory, 'bin/expo-modules-autolinking.js');
    const asked = PLATFORMS.map((platform) =>
      askProgram(app, program, ['react-native-config', '--platform', platform, '--json']),
    );
    return platformsOf(await Promise.all(asked), directory);
  }
  const community = app.find('@react-native-community/cli');
  if (community === null) return null;
  return platformsOf(
    [await askProgram(app, join(community.directory, 'build/bin.js'), ['config'])],
    directory,
  );
}

/** The platforms for which the answers have the package in this directory. */
function platformsOf(answers: readonly unknown[], directory: string): string[] | null {
  if (answers.includes(null)) return null;
  return answers.flatMap((answer) => {
    const dependencies = Object.values(record(record(answer).dependencies)).map(record);
    const own = dependencies.find(
      ({ root, name }) => root === directory || String(directory).endsWith(`/${name}`),
    );
    const platforms = record(own?.platforms);
    return PLATFORMS.filter((platform) => platforms[platform] !== undefined && platforms[platform] !== null);
  });
}

/** What a program of node_modules prints as JSON, or null. */
async function askProgram(app: App, program: string, args: readonly string[]): Promise<unknown> {
  const answer = existsSync(program) ? await ask(app, [program, ...args]) : null;
  try {
    return answer?.ok ? JSON.parse(answer.output) : null;
  } catch {
    return null;
  }
}
