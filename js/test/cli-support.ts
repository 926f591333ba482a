/** What the tests of the command line share: the program itself. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SOURCE = fileURLToPath(new URL('../cli/main.ts', import.meta.url));

/** The arguments to node that run the command line: its source, or what `SPKI_CLI` names (an installed package's). */
export const PROGRAM: readonly string[] = process.env.SPKI_CLI
  ? [process.env.SPKI_CLI]
  : ['--import', import.meta.resolve('tsx'), SOURCE];

export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output as the one JSON document it has to be. */
  // biome-ignore lint/suspicious/noExplicitAny: each test says by its assertions what it expects
  readonly json: any;
}

/** How a run differs from one in a pipe with nothing on standard input. */
export interface RunOptions {
  readonly input?: string | Buffer;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** Runs the command line as a process of its own. */
export async function cli(args: readonly string[], options: RunOptions = {}): Promise<Run> {
  const { FORCE_COLOR: _, NO_COLOR: __, NODE_OPTIONS: ___, ...inherited } = process.env;
  const child = spawn(process.execPath, [...PROGRAM, ...args], {
    cwd: options.cwd ?? ROOT,
    env: { ...inherited, ...options.env },
  });
  child.stdin.on('error', () => {}); // it need not read its input
  child.stdin.end(options.input ?? '');
  const [stdout, stderr, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((resolve) => child.on('close', resolve)),
  ]);
  return {
    code,
    stdout,
    stderr,
    get json() {
      return JSON.parse(stdout);
    },
  };
}

async function text(stream: AsyncIterable<Buffer>): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces).toString('utf8');
}
