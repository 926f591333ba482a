import type { PinningProblem } from '../src/types.js';
import { checkDocument, domainsOf, rotationProblems } from './addon.js';
import { type Command, PROGRAM } from './command.js';
import { CliError, EXIT, usageError } from './errors.js';
import { inputName, readText } from './files.js';
import { askServers, describeAsked, type OnlineReport } from './online.js';
import { count, paragraph, printable, type Style, wrap } from './output.js';
import { misplacedProbeOption, PROBE_OPTIONS, probeSettings } from './probing.js';
import { parseInstant } from './time.js';

/** What is wrong with a configuration. */
export const check: Command = {
  name: 'check',
  summary: 'what is wrong with a configuration; with --online, whether its servers show the pins',
  usage: [
    'check CONFIG [--strict] [--at yyyy-MM-dd]',
    'check CONFIG --online [--connect ADDR[:PORT]] [--ca FILE] [--timeout SECONDS]',
  ],
  about: [
    'CONFIG is a JSON file, - is standard input: the options object of `initializeSslPinning`, or ' +
      '`{"domains": options, "settings": settings}`.',
    'With --online the server of every domain (port 443) is asked for its chain, as an app would ask it. A domain with ' +
      '`includeSubdomains` need not have a server itself: if there is none, that is a warning.',
    'Warnings are about what keeps apps out later: a single pin, pins of roots that end, subdomains that are not pinned, a ' +
      'server that has moved to its backup key. docs/rotation.md has them all.',
    'Exit code 1: there are errors. Warnings alone are exit code 0, unless --strict is there.',
  ],
  options: {
    online: { value: null, help: 'ask the servers too, once the configuration is good' },
    strict: { value: null, help: 'exit code 1 for warnings too: for CI' },
    at: { value: 'yyyy-MM-dd', help: 'as on that day, 00:00 UTC (or at an RFC 3339 time); now' },
    ...PROBE_OPTIONS,
  },
  async run(args) {
    const [path, ...more] = args.operands;
    if (path === undefined)
      throw usageError('there is no configuration to check', 'name a file: check CONFIG');
    if (more.length > 0)
      throw usageError('check reads one configuration at a time', 'run it once for each file');
    const misplaced = args.has('online') ? undefined : misplacedProbeOption(args);
    if (misplaced !== undefined) {
      throw usageError(`--${misplaced} is of use with --online only`, `leave --${misplaced} out`);
    }
    const document = await readText(path, 'configuration');
    const at = args.value('at');
    const now = at === undefined ? Date.now() : parseInstant(at);
    const offline = checkDocument(document, now);
    const online =
      args.has('online') && offline.ok ? await askServers(document, probeSettings(args), now) : null;
    const later = offline.ok ? rotationProblems(document, now) : [];
    const problems = [...offline.problems, ...later, ...(online?.problems ?? [])];
    const ok = problems.every(({ severity }) => severity !== 'error' && !args.has('strict'));
    const name = inputName(path);
    return {
      exitCode: ok ? EXIT.good : EXIT.against,
      json: { ok, problems, ...(online === null ? {} : { online: online.asked }) },
      human: (style) => describeCheck(document, name, problems, online, style),
    };
  },
};

function describeCheck(
  document: string,
  name: string,
  problems: readonly PinningProblem[],
  online: OnlineReport | null,
  style: Style,
): string {
  const parts = [
    problems.map((problem) => describeProblem(problem, name, style)),
    online === null ? [] : describeAsked(online, style),
    [
      problems.some(({ severity }) => severity === 'error')
        ? badSummary(problems, online !== null, style)
        : goodSummary(document, name, problems, style),
    ],
  ];
  return parts
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n');
}

/** As linters print it: the file, how bad, where, which code, what; then what to do. */
export function describeProblem(problem: PinningProblem, file: string, style: Style): string {
  const { severity } = problem;
  const place = problem.path === '' ? '' : `${printable(problem.path)} `;
  const text = `${printable(file)}: ${severity} ${place}${problem.code}: ${printable(problem.message)}`;
  const lines = wrap(text, '    ');
  if (problem.suggestion !== null) lines.push(...wrap(`    -> ${printable(problem.suggestion)}`, '       '));
  const colour = severity === 'error' ? style.bad : style.caution;
  return lines.join('\n').replace(`: ${severity} `, () => `: ${colour(severity)} `);
}

function goodSummary(
  document: string,
  name: string,
  warnings: readonly PinningProblem[],
  style: Style,
): string {
  const domains = domainsOf(document);
  const pinned = domains.length === 0 ? 'it pins nothing' : `${count(domains.length, 'domain')} pinned`;
  const found = warnings.length === 0 ? 'no problems' : count(warnings.length, 'warning');
  return `${printable(name)}: ${style.good('ok')}, ${found}, ${pinned}`;
}

function badSummary(problems: readonly PinningProblem[], asked: boolean, style: Style): string {
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  const warnings = problems.length - errors;
  const found = [count(errors, 'error'), ...(warnings > 0 ? [count(warnings, 'warning')] : [])].join(', ');
  const what = asked ? 'an app would not reach every server' : 'an app refuses this configuration';
  return paragraph(`${found}: ${what}`).replace(found, () => style.bad(found));
}

/** A configuration with errors gives no verdict. */
export class InvalidConfiguration extends CliError {
  readonly #file: string;
  readonly #problems: readonly PinningProblem[];

  constructor(file: string, problems: readonly PinningProblem[]) {
    const errors = problems.filter(({ severity }) => severity === 'error').length;
    const message = `the configuration ${file} has ${count(errors, 'error')}, so there is no verdict`;
    super('config-invalid', message, `correct the configuration, then \`${PROGRAM} check\` it`);
    this.#file = file;
    this.#problems = problems;
  }

  override details(style: Style): string {
    return this.#problems.map((problem) => describeProblem(problem, this.#file, style)).join('\n');
  }

  override toJSON() {
    return { ...super.toJSON(), problems: this.#problems };
  }
}
