import { requireNative } from './native.js';
import type {
  SslPinningVerification,
  StackVerification,
  VerificationOptions,
  VerifiedHandshake,
} from './types.js';

/** One request through a network stack; it may fail, as a refused one does. */
export type StackRequest = (url: string) => Promise<unknown>;

/** The stacks of a platform by their names, in the order in which they are tried; null for one that is not there. */
export type Stacks = Readonly<Record<string, StackRequest | null>>;

let findStacks: () => Stacks = () => ({});

/** What `verifySslPinning` sends requests through: called once by each platform's entry, and asked each time. */
export function provideStacks(find: () => Stacks): void {
  findStacks = find;
}

/** Long enough for a slow network, and short enough for somebody who waits. */
const TIMEOUT_MS = 15_000;

/** See `verifySslPinning` in `api.ts`. */
export async function verify(host: string, options: VerificationOptions): Promise<SslPinningVerification> {
  const native = requireNative();
  const { port = 443, path = '/', requests = {} } = options;
  const handshake: VerifiedHandshake = JSON.parse(await native.verify(host, port));
  const pinned = handshake.verdict !== null && handshake.verdict.entry !== null;
  const results: StackVerification[] = [];
  if (pinned) {
    // One after the other: what the engine notes meanwhile is of the one that runs.
    const url = `https://${host.includes(':') ? `[${host}]` : host}:${port}${path}`;
    for (const [stack, request] of Object.entries({ ...findStacks(), ...requests })) {
      results.push(request === null ? absent(stack) : await verifyStack(host, stack, () => request(url)));
    }
  }
  const ok =
    handshake.ok && pinned && results.every(({ state }) => state === 'checked' || state === 'absent');
  return { host, port, ok, message: inWords(host, handshake, pinned, results), handshake, stacks: results };
}

async function verifyStack(
  host: string,
  stack: string,
  request: () => Promise<unknown>,
): Promise<StackVerification> {
  const native = requireNative();
  native.watch(host);
  const failure = await failureOf(request);
  const seen: { verdict: string; reason: string }[] = JSON.parse(await native.watched());
  const worst = seen.find(({ verdict }) => verdict === 'blocked') ?? seen[0];
  if (worst !== undefined) {
    const { verdict, reason } = worst as { verdict: 'allowed' | 'blocked' | 'reportOnly'; reason: string };
    return { stack, state: 'checked', verdict, reason, message: `${stack}: checked (${reason})` };
  }
  if (failure === null) {
    const message =
      `${stack}: NOT CHECKED. Its request reached a server without the pins being asked: something takes requests ` +
      'away before they are checked. Look for a network inspector (that of a development build, say), another library ' +
      'that replaces the HTTP client, or a proxy library.';
    return { stack, state: 'not-checked', verdict: null, reason: null, message };
  }
  const message = `${stack}: its request failed before the pins could be asked: ${failure}`;
  return { stack, state: 'unreachable', verdict: null, reason: null, message };
}

function absent(stack: string): StackVerification {
  return { stack, state: 'absent', verdict: null, reason: null, message: `${stack}: not in this app` };
}

/** Null for an answer, of whatever status. */
async function failureOf(request: () => Promise<unknown>): Promise<string | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`no answer in ${TIMEOUT_MS / 1000} s`), TIMEOUT_MS);
  });
  const answer = async () => {
    await request();
    return null;
  };
  try {
    return await Promise.race([answer(), late]);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    clearTimeout(timer);
  }
}

function inWords(
  host: string,
  handshake: VerifiedHandshake,
  pinned: boolean,
  results: readonly StackVerification[],
): string {
  const { verdict, error } = handshake;
  if (verdict === null) {
    return `${host} could not be verified: ${error?.message ?? 'there was no handshake'}`;
  }
  if (!pinned) return `${host} is not pinned: no configured domain covers it`;
  const first =
    verdict.verdict === 'allowed'
      ? `${host} shows a pinned key`
      : `${host} shows none of the pins (${verdict.reason}); it shows ${verdict.servedPins.join(', ')}`;
  return [first, ...results.map(({ message }) => message)].join('\n');
}
