import type { Command } from './command.js';
import { App } from './doctor/app.js';
import { checkAutolinking } from './doctor/autolinking.js';
import { checkConfiguration } from './doctor/configuration.js';
import { readExpoConfig } from './doctor/expo-config.js';
import type { Finding } from './doctor/finding.js';
import { checkInstallation } from './doctor/installation.js';
import { checkAndroidProject } from './doctor/native-projects.js';
import { type Stack, stacksOf } from './doctor/stacks.js';
import { EXIT, usageError } from './errors.js';
import { count, paragraph, printable, type Style, wrap } from './output.js';

const UNCOVERED = paragraph(
  '-> requests to pinned hosts belong into one that is covered; see docs/own-clients.md, and `nativeLayer` in ' +
    'docs/embedding.md',
  '  ',
);

/** Whether an app is set up. */
export const doctor: Command = {
  name: 'doctor',
  summary: 'whether an app is set up: what is installed, linked, embedded and covered',
  usage: ['doctor [DIR]'],
  about: [
    'DIR is the root of the app, else the current directory. Nothing is changed, built or asked over the network. An ' +
      'app.config.js or .ts is run, as Expo does.',
    'Network stacks are those that the app asks for in its package.json, as far as they are known here: others, SDKs mostly, ' +
      'may connect by themselves.',
    'Exit code 1: there are errors. Warnings alone are exit code 0.',
  ],
  options: {},
  async run(args) {
    const [directory = '.', ...more] = args.operands;
    if (more.length > 0) throw usageError('doctor looks at one app at a time', 'run it once for each');
    const app = new App(directory);
    const [linked, expo] = await Promise.all([checkAutolinking(app), readExpoConfig(app)]);
    const configured = await checkConfiguration(app, expo);
    const findings = [...checkInstallation(app, expo), ...linked, ...checkAndroidProject(app), ...configured];
    const stacks = stacksOf(app);
    const ok = findings.every(({ severity }) => severity !== 'error');
    return {
      exitCode: ok ? EXIT.good : EXIT.against,
      json: { ok, findings, stacks },
      human: (style) => describe(findings, stacks, style),
    };
  },
};

function describe(findings: readonly Finding[], stacks: readonly Stack[], style: Style): string {
  return [
    ...findings.flatMap((finding) => describeFinding(finding, style)),
    '',
    style.bold('Network stacks of this app'),
    ...stacks.flatMap((stack) => describeStack(stack, style)),
    ...(stacks.every(({ android, ios }) => android && ios) ? [] : [UNCOVERED]),
    '',
    summary(findings, style),
  ].join('\n');
}

function describeFinding({ severity, message, suggestion }: Finding, style: Style): string[] {
  const word = severity === 'note' && suggestion === null ? 'ok' : severity;
  const colour = { ok: style.good, note: style.dim, warning: style.caution, error: style.bad }[word];
  const [first = '', ...more] = wrap(`  ${word.padEnd(7)}  ${printable(message)}`, ' '.repeat(11));
  const advice = suggestion === null ? [] : wrap(`           -> ${printable(suggestion)}`, ' '.repeat(14));
  return [first.replace(word, () => colour(word)), ...more, ...advice];
}

function describeStack({ name, android, ios, note }: Stack, style: Style): string[] {
  const platforms = [android ? 'Android' : '', ios ? 'iOS' : ''].filter((platform) => platform !== '');
  const covered = platforms.length === 0 ? 'not covered' : platforms.join(', ');
  const colour = platforms.length === 2 ? style.good : style.caution;
  const [first = '', ...more] = wrap(`  ${covered.padEnd(12)}  ${name}: ${note}`, ' '.repeat(16));
  return [first.replace(covered, () => colour(covered)), ...more];
}

function summary(findings: readonly Finding[], style: Style): string {
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  const warnings = findings.filter(({ severity }) => severity === 'warning').length;
  const found = [errors > 0 ? count(errors, 'error') : '', warnings > 0 ? count(warnings, 'warning') : ''];
  const text = found.filter((part) => part !== '').join(', ');
  if (errors > 0) return style.bad(text);
  return warnings > 0 ? style.caution(text) : style.good('nothing to complain about');
}
