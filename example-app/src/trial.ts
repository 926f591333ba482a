import {
  getSslPinningError,
  getSslPinningStatus,
  initializeSslPinning,
  isSslPinningError,
  type PinningEvent,
  type PinningProblem,
  SslPinningConfigError,
} from 'react-native-spki-pinning';
import type { Answer, Requests } from './requests';
import type { Scenario, Verdict } from './scenarios';
import type { Servers } from './servers';

/** What came of a scenario, and why. */
export type Trial = {
  verdict: Verdict;
  /** The host whose connection was judged. */
  host: string;
  /** The engine's word for it; null if pins had no say. */
  reason: string | null;
  served: readonly string[];
  pinned: readonly string[];
  answer: Answer | null;
  /** What the request has failed with, and whether that says so itself. */
  error: { message: string; isPinning: boolean } | null;
  /** Of a configuration that was refused. */
  problems: readonly PinningProblem[];
};

const TIMEOUT_MS = 10_000;

/** Pins what a scenario asks for, makes its request, and finds out what has become of it. */
export async function runTrial(scenario: Scenario, servers: Servers, requests: Requests): Promise<Trial> {
  const pins = scenario.pins(servers);
  const { leaf, intermediate, root } = servers.pins;
  const trial: Trial = {
    verdict: 'allowed',
    host: servers.host,
    reason: null,
    served: [leaf, intermediate, root],
    pinned: pins[servers.host]?.publicKeyHashes ?? [],
    answer: null,
    error: null,
    problems: [],
  };
  try {
    await initializeSslPinning(pins);
  } catch (error) {
    if (!(error instanceof SslPinningConfigError)) throw error;
    return { ...trial, verdict: 'refused', problems: error.problems };
  }
  // Events are told apart by their time, and one of the trial before may be of this very millisecond.
  await new Promise((resolve) => setTimeout(resolve, 5));
  const start = Date.now();
  try {
    const answer = await inTime(requests[scenario.stack](scenario.url(servers)));
    const reported = await reportedSince(start);
    return reported === null
      ? { ...trial, reason: await whyAllowed(servers.host), answer }
      : { ...trial, ...toldBy(reported), verdict: 'reported', answer };
  } catch (error) {
    const failed = {
      ...trial,
      error: { message: String(error), isPinning: isSslPinningError(error) },
    };
    // For any host: the request may have been redirected, and nobody can know from here where it has failed.
    const refused = await getSslPinningError(null, start);
    return refused === null
      ? { ...failed, verdict: 'no-answer', served: [] }
      : { ...failed, ...toldBy(refused), verdict: 'blocked' };
  }
}

function toldBy({ serverHostname, reason, servedPins, expectedPins }: PinningEvent) {
  return { host: serverHostname, reason, served: servedPins, pinned: expectedPins };
}

/** `getSslPinningError` tells only of what was blocked. */
async function reportedSince(start: number): Promise<PinningEvent | null> {
  const { recentEvents } = await getSslPinningStatus();
  return (
    recentEvents.find(
      ({ kind, enforced, timestamp }) => kind === 'failure' && !enforced && timestamp >= start,
    ) ?? null
  );
}

/** A request that is allowed is no event. */
async function whyAllowed(host: string): Promise<string> {
  const { domains } = await getSslPinningStatus();
  const state = domains.find(({ domain }) => domain === host)?.state;
  if (state === undefined) return 'not-pinned';
  return state === 'expired' ? 'pin-expired' : 'pin-matched';
}

/** None of the stacks gives up by itself in the time that somebody looks at a screen. */
async function inTime<T>(request: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${TIMEOUT_MS / 1000} seconds`)), TIMEOUT_MS);
  });
  try {
    return await Promise.race([request, late]);
  } finally {
    clearTimeout(timer);
  }
}
