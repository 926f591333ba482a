import type { ProbeRequest } from './addon.js';
import type { Arguments, OptionSpecs } from './args.js';
import { usageError } from './errors.js';
import { checkAddress } from './target.js';

/** How servers are asked, whichever they are. */
export type ProbeSettings = Pick<ProbeRequest, 'connect' | 'caFile' | 'timeoutMs'>;

/** The options of every command that asks servers. */
export const PROBE_OPTIONS: OptionSpecs = {
  connect: { value: 'ADDR[:PORT]', help: 'connect there; the host is still the name in TLS' },
  ca: { value: 'FILE', help: 'trust the certificates of this PEM file and no others' },
  timeout: { value: 'SECONDS', help: 'for connecting and the handshake together (10)' },
};

/** One of these options that is given where no server is asked. */
export function misplacedProbeOption(args: Arguments): string | undefined {
  return Object.keys(PROBE_OPTIONS).find((name) => args.has(name));
}

/** Reads these options. */
export function probeSettings(args: Arguments): ProbeSettings {
  const connect = args.value('connect');
  const caFile = args.value('ca') ?? null;
  if (caFile === '-') throw usageError('--ca cannot be standard input', 'give a file');
  if (caFile === '') throw usageError('the path of the trusted certificates is empty', 'name a file');
  return {
    connect: connect === undefined ? null : checkAddress(connect),
    caFile,
    timeoutMs: timeoutMs(args.value('timeout')),
  };
}

function timeoutMs(seconds: string | undefined): number {
  if (seconds === undefined) return 10_000;
  const milliseconds = /^\d+(\.\d+)?$/.test(seconds) ? Math.round(Number(seconds) * 1000) : 0;
  if (milliseconds >= 1 && milliseconds <= 600_000) return milliseconds;
  throw usageError(`"${seconds}" is not a timeout`, 'use a number of seconds from 0.001 to 600');
}
