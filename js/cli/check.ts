import type { PinningProblem } from '../src/types.js';
import { checkDocument, domainsOf } from './addon.js';
import type { Command } from './command.js';
import { CliError, EXIT, usageError } from './errors.js';
import { inputName, readText } from './files.js';
import { count, paragraph, printable, type Style, wrap } from './output.js';

/** What is wrong with a configuration. */
export const check: Command = {
  name: 'check',
  summary: 'what is wrong with a configuration, without any network',
  usage: ['check CONFIG'],
  about: [
    'CONFIG is a JSON file, - is standard input: the options object of `initializeSslPinning`, or ' +
      '`{"domains": options, "settings": settings}`.',
    'Exit code 1: there are errors. Warnings alone are exit code 0.',
  ],
  options: {
    online: { value: null, help: 'not in this version yet' },
  },
  async run(args) {
    if (args.has('online')) {
      throw new CliError('not-yet', 'check --online is not in this version yet', 'run it without --online');
    }
    const [path, ...more] = args.operands;
    if (path === undefined)
      throw usageError('there is no configuration to check', 'name a file: check CONFIG');
    if (more.length > 0)
      throw usageError('check reads one configuration at a time', 'run it once for each file');
    const document = await readText(path, 'configuration');
    const report = checkDocument(document);
    const name = inputName(path);
    return {
      exitCode: report.ok ? EXIT.good : EXIT.against,
      json: { ok: report.ok, problems: report.problems },
      human: (style) =>
        [
          ...report.problems.map((problem) => describeProblem(problem, name, style)),
          ...(report.problems.length > 0 ? [''] : []),
          report.ok
            ? goodSummary(document, name, report.problems, style)
            : badSummary(report.problems, style),
        ].join('\n'),
    };
  },
};

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

function badSummary(problems: readonly PinningProblem[], style: Style): string {
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  const warnings = problems.length - errors;
  const found = [count(errors, 'error'), ...(warnings > 0 ? [count(warnings, 'warning')] : [])].join(', ');
  return paragraph(`${found}: an app refuses this configuration`).replace(found, () => style.bad(found));
}
