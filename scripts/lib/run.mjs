// @ts-check
/** Child processes: the one place that starts them. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expectSuccess } from './steps.mjs';

/** The repository. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * How a child process ended.
 * @typedef {object} Outcome
 * @property {boolean} missing there is no such program
 * @property {number | null} code null if it did not start, or a signal ended it
 * @property {string} stdout
 * @property {string} stderr empty where it was shown
 */

/**
 * @typedef {object} RunOptions
 * @property {Readonly<Record<string, string | undefined>>} [env] on top of this process's; undefined removes
 * @property {string} [cwd] where it runs, unless in the repository
 * @property {number} [timeout] milliseconds, after which it is killed
 * @property {'nothing' | 'progress' | 'all'} [show] what to let through while it runs; 'progress' is standard error
 * @property {(text: string) => void} [hear] is given what it prints, on both streams, as it comes
 */

/**
 * Runs a program, with no standard input. Never rejects: see the outcome.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {RunOptions} [options]
 * @returns {Promise<Outcome>}
 */
export function run(command, args, { env = {}, cwd = ROOT, timeout, show = 'nothing', hear } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      timeout,
      killSignal: 'SIGKILL',
      stdio: ['ignore', 'pipe', show === 'nothing' ? 'pipe' : 'inherit'],
    });
    const output = { stdout: '', stderr: '' };
    for (const name of /** @type {const} */ (['stdout', 'stderr'])) {
      child[name]?.setEncoding('utf8').on('data', (text) => {
        output[name] += text;
        hear?.(text);
        if (show === 'all') process.stdout.write(text);
      });
    }
    child.on('error', (error) => {
      hear?.(`${error.message}\n`);
      const missing = /** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT';
      resolve({ missing, code: null, stdout: '', stderr: error.message });
    });
    child.on('close', (code) => resolve({ missing: false, code, ...output }));
  });
}

/**
 * The repository's files as they are now: those that git knows, and new ones that it is not to ignore.
 * @param {...string} patterns of git's; without any, all files
 * @returns {Promise<string[]>} relative paths
 */
export async function repositoryFiles(...patterns) {
  const known = ['ls-files', '--cached', '--others', '--exclude-standard', '-z'];
  const list = await run('git', [...known, ...patterns]);
  expectSuccess('git cannot list the files', list);
  return list.stdout.split('\0').filter(Boolean);
}

/**
 * Runs a JavaScript program of node_modules with this Node.
 * @param {string} script its path there
 * @param {readonly string[]} args
 * @param {RunOptions} [options]
 */
export function runPackage(script, args, options) {
  return run(process.execPath, [join(ROOT, 'node_modules', script), ...args], options);
}

/**
 * Runs npm: the one that started this script, if it did.
 * @param {readonly string[]} args
 */
export function runNpm(args) {
  const cli = process.env.npm_execpath ?? '';
  if (cli.endsWith('npm-cli.js')) return run(process.execPath, [cli, ...args]);
  // On Windows npm is a batch file.
  return process.platform === 'win32' ? run('cmd.exe', ['/c', 'npm', ...args]) : run('npm', args);
}
