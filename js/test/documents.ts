/** The samples of the documentation: how the tests find them, compile them and run them. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import type { Testbed } from '../../scripts/lib/testbed.mjs';
import { PROGRAM } from './cli-support.js';
import type { Workspace } from './workspace.js';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The pin that the documentation gives the server of api.example.com. */
const EXAMPLE_PIN = 'j11z8DhQQA9fdFgx0zaqmF6yxgVf3Mf6MCgqiXKfF3E=';

export interface Outcome {
  readonly code: number;
  /** Standard output, then what went to standard error. */
  readonly output: string;
}

/** A page of the documentation. */
export class Page {
  readonly #text: string;

  constructor(readonly path: string) {
    this.#text = readFileSync(join(ROOT, path), 'utf8');
  }

  /** The samples in one language, in order. */
  samples(language: string): readonly string[] {
    const fences = this.#text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm);
    return [...fences].filter(([, name]) => name === language).map(([, , body = '']) => body);
  }

  /** The one that has this in it. */
  only(language: string, mark: string): string {
    const [sample, ...more] = this.samples(language).filter((body) => body.includes(mark));
    assert.ok(
      sample !== undefined && more.length === 0,
      `one ${language} sample of ${this.path} has ${mark}`,
    );
    return sample;
  }

  /** The lines of the samples marked `sh`: commands that have to run. What cannot be run here is marked `shell`. */
  commands(): readonly string[] {
    return this.samples('sh').flatMap((body) => body.trim().split('\n'));
  }
}

/** The reader's server: api.example.com is a server of the testbed, and the first pin is that of its key. */
export function atTestbed(sample: string, testbed: Testbed, name: string, pin = testbed.pin(name)): string {
  return sample
    .replaceAll('https://api.example.com/', testbed.url(name))
    .replaceAll('api.example.com', testbed.host(name).host)
    .replaceAll(EXAMPLE_PIN, pin);
}

/** What the compiler says of the TypeScript samples of a page, against the built package. `ambient`: declarations. */
export function typeErrors(page: Page, ambient = ''): string[] {
  const directory = directoryOf(page);
  const write = (name: string, content: string) => {
    const file = join(directory, name);
    writeFileSync(file, content);
    return file;
  };
  const files = page.samples('ts').map((sample, index) => write(`sample${index + 1}.mts`, sample));
  assert.ok(files.length > 0);
  const program = ts.createProgram([...files, write('ambient.d.ts', ambient)], {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    types: ['node'],
    strict: true,
    noEmit: true,
    skipLibCheck: true,
  });
  return ts.getPreEmitDiagnostics(program).map(({ file, start = 0, messageText }) => {
    const line =
      file === undefined ? '' : `${file.fileName}:${file.getLineAndCharacterOfPosition(start).line + 1} `;
    return `${line}${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
  });
}

/** Runs a sample as a program of its own that imports the package by its name. */
export function runSample(page: Page, name: string, sample: string, testbed: Testbed): Promise<Outcome> {
  const file = join(directoryOf(page), name.replace(/\.ts$/, '.mts')); // as in an app, `await` may stand anywhere
  const dns = "import { resolveTestbed } from '../../../scripts/lib/testbed.mjs';\nresolveTestbed();\n";
  writeFileSync(file, dns + sample);
  return node(['--import', import.meta.resolve('tsx'), file], {
    NODE_EXTRA_CA_CERTS: testbed.document.caFile,
  });
}

/** Runs Node. */
export function node(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  return execute(process.execPath, args, { env });
}

/**
 * A shell in a workspace, where api.example.com is a server of the testbed and `npx react-native-spki-pinning` the program of
 * this repository, which is told where that server is.
 */
export function shell(
  workspace: Workspace,
  testbed: Testbed,
  name: string,
): (command: string) => Promise<Outcome> {
  const { port } = testbed.host(name);
  const address = `127.0.0.1:${port}`;
  const bin = workspace.path('bin');
  mkdirSync(bin);
  writeFileSync(
    join(bin, 'npx'),
    [
      '#!/bin/sh',
      '[ "$1" = react-native-spki-pinning ] || exit 97',
      'shift',
      'case "$1 $2 $*" in',
      '  "hash -"*) ;;',
      `  *--connect*) set -- "$@" --ca ${quoted(testbed.document.caFile)} ;;`,
      `  hash*|*--online*) set -- "$@" --connect ${address} --ca ${quoted(testbed.document.caFile)} ;;`,
      'esac',
      `exec ${[process.execPath, ...PROGRAM].map(quoted).join(' ')} "$@"`,
      '',
    ].join('\n'),
  );
  chmodSync(join(bin, 'npx'), 0o755);
  return (command) => {
    const here = command.replace('-connect api.example.com:443', `-connect ${address}`);
    return execute(
      'sh',
      ['-c', atTestbed(here, testbed, name).replace('--connect 192.0.2.10', `--connect ${address}`)],
      {
        cwd: workspace.directory,
        env: { PATH: `${bin}:${process.env.PATH}`, NO_COLOR: '1' },
      },
    );
  };
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function directoryOf(page: Page): string {
  const directory = join(ROOT, 'build/readme', page.path.replaceAll(/\W/g, '-'));
  mkdirSync(directory, { recursive: true });
  return directory;
}

function execute(
  program: string,
  args: readonly string[],
  { cwd = ROOT, env }: { cwd?: string; env: Readonly<Record<string, string>> },
): Promise<Outcome> {
  // Without it, a sample that has tests would report them to the runner of these.
  const { NODE_TEST_CONTEXT: _, ...inherited } = process.env;
  return new Promise((resolve) => {
    execFile(program, args, { cwd, env: { ...inherited, ...env } }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr });
    });
  });
}
