import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { PinningProblem } from '../src/types.js';
import { checkDocument } from './addon.js';
import type { Arguments } from './args.js';
import { describeProblem } from './check.js';
import type { Command } from './command.js';
import { bringUpToDate, type FileState, isUpToDate, type Platform } from './embedding/file-state.js';
import { filesToEmbed, type Projects } from './embedding/index.js';
import { CliError, EXIT, usageError } from './errors.js';
import { inputName, readText } from './files.js';
import { count, paragraph, printable, type Style } from './output.js';

const PLATFORMS: readonly Platform[] = ['android', 'ios'];

/** What became of a file. */
interface Outcome extends Pick<FileState, 'platform' | 'role' | 'path'> {
  readonly state: 'unchanged' | 'written' | 'missing' | 'different';
}

/** Puts a configuration into an app's native projects. */
export const embed: Command = {
  name: 'embed',
  summary: 'put a configuration into an app, where it is in force before any JavaScript',
  usage: ['embed CONFIG [--android DIR] [--ios DIR] [--check]'],
  about: [
    'CONFIG, mostly `ssl-pinning.json` in the root of the app, is checked first; one with errors is not embedded. It becomes ' +
      'an asset of the Android app, and a resource of the iOS app, to which its Xcode project gets four lines. Run it after ' +
      'every change of CONFIG; a run that has nothing to do changes nothing.',
    'Where neither DIR is given, ./android and ./ios are taken, whichever are there. Apps that `expo prebuild` makes need ' +
      'no embed: they have the config plugin.',
    'With --check nothing is written. Exit code 1: CONFIG has errors, or, with --check, the app does not carry what it says.',
  ],
  options: {
    android: { value: 'DIR', help: 'the Android project (./android)' },
    ios: { value: 'DIR', help: 'the directory with the Xcode project (./ios), or the .xcodeproj itself' },
    check: { value: null, help: 'only say whether the app carries this configuration' },
  },
  async run(args) {
    const [path, ...more] = args.operands;
    if (path === undefined)
      throw usageError('there is no configuration to embed', 'name a file: embed CONFIG');
    if (more.length > 0) throw usageError('embed takes one configuration', 'an app has one');
    const document = await readText(path, 'configuration');
    const { ok, problems } = checkDocument(document);
    if (!ok) return refused(problems, inputName(path));
    const files = await filesToEmbed(projects(args), document);
    const onlyCheck = args.has('check');
    if (!onlyCheck) await bringUpToDate(files);
    const outcomes = files.map((file) => outcomeOf(file, onlyCheck));
    const good = outcomes.every(({ state }) => state === 'unchanged' || state === 'written');
    return {
      exitCode: good ? EXIT.good : EXIT.against,
      json: {
        ok: good,
        changed: outcomes.some(({ state }) => state === 'written'),
        problems,
        files: outcomes,
      },
      human: (style) => describe(problems, inputName(path), outcomes, style),
    };
  },
};

/** Those that are named; if none is, those that are there. */
function projects(args: Arguments): Projects {
  const named = PLATFORMS.flatMap((platform) => {
    const directory = args.value(platform);
    if (directory === '') throw usageError(`the directory of --${platform} is empty`, 'name a directory');
    return directory === undefined ? [] : [[platform, directory] as const];
  });
  const found = PLATFORMS.filter((platform) => existsSync(platform));
  if (named.length > 0) return Object.fromEntries(named);
  if (found.length > 0) return Object.fromEntries(found.map((platform) => [platform, platform]));
  throw new CliError(
    'no-app',
    `there is neither ./android nor ./ios in ${resolve('.')}`,
    'run it in the root of the app, or name the directories: --android DIR, --ios DIR',
  );
}

function outcomeOf(file: FileState, onlyCheck: boolean): Outcome {
  const { platform, role, path, is } = file;
  if (isUpToDate(file)) return { platform, role, path, state: 'unchanged' };
  if (!onlyCheck) return { platform, role, path, state: 'written' };
  return { platform, role, path, state: is === null ? 'missing' : 'different' };
}

function refused(problems: readonly PinningProblem[], name: string) {
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  return {
    exitCode: EXIT.against,
    json: { ok: false, changed: false, problems, files: [] },
    human: (style: Style) =>
      [
        ...problems.map((problem) => describeProblem(problem, name, style)),
        '',
        `${style.bad(count(errors, 'error'))}: nothing is embedded`,
      ].join('\n'),
  };
}

function describe(
  problems: readonly PinningProblem[],
  name: string,
  outcomes: readonly Outcome[],
  style: Style,
): string {
  return [
    ...problems.map((problem) => describeProblem(problem, name, style)),
    ...outcomes.map((outcome) => describeOutcome(outcome, style)),
    summary(outcomes, name),
  ].join('\n');
}

function describeOutcome({ role, path, state }: Outcome, style: Style): string {
  const colour = { unchanged: style.dim, written: style.good, missing: style.bad, different: style.bad }[
    state
  ];
  const isRegistration = role === 'registration' && state !== 'unchanged';
  const what = {
    unchanged: '',
    written: ': the app has it as a resource now',
    missing: '',
    different: ': the app does not have it as a resource',
  };
  return `  ${colour(state.padEnd(9))}  ${printable(path)}${isRegistration ? what[state] : ''}`;
}

function summary(outcomes: readonly Outcome[], name: string): string {
  const file = printable(name);
  if (outcomes.every(({ state }) => state === 'unchanged')) return `the app carries ${file} as it is`;
  if (outcomes.some(({ state }) => state === 'written'))
    return `the app carries ${file} from its next build on`;
  return paragraph(
    `the app does not carry ${file} as it is: run \`embed\` without --check, and commit what it writes`,
  );
}
