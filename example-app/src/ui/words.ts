import type { Verdict } from '../scenarios';
import type { Trial } from '../trial';
import type { Palette } from './theme';

export const VERDICTS: Readonly<Record<Verdict, { word: string; tone: keyof Palette }>> = {
  allowed: { word: 'Allowed', tone: 'good' },
  reported: { word: 'Let through, and reported', tone: 'notice' },
  blocked: { word: 'Blocked', tone: 'bad' },
  'no-answer': { word: 'No answer', tone: 'notice' },
  refused: { word: 'Configuration refused', tone: 'bad' },
};

/** The verdict, and whether it is what it should be. */
export function verdictInWords({ verdict }: Trial, expected: Verdict): string {
  const { word } = VERDICTS[verdict];
  return verdict === expected
    ? `${word}, as expected`
    : `${word}, but expected: ${VERDICTS[expected].word.toLowerCase()}`;
}

/** What a person may make of it. */
export function explain({ verdict, host, reason }: Trial): string {
  switch (verdict) {
    case 'allowed':
      return reason === 'pin-expired'
        ? `The pins of ${host} have ended: its certificate was checked by the system alone.`
        : `The certificate chain of ${host} has a pinned key.`;
    case 'reported':
      return `The certificate chain of ${host} has no pinned key. Listeners were told; the request was not stopped.`;
    case 'blocked':
      return reason === 'no-pin-matched'
        ? `The certificate chain of ${host} has no pinned key. Nothing was sent to it.`
        : `The connection to ${host} does not satisfy the pins.`;
    case 'no-answer':
      return `${host} was not reached. Pins had no say.`;
    case 'refused':
      return 'Nothing was requested. initializeSslPinning() has rejected, with these problems:';
  }
}

/** React Native's errors are the same whatever the reason; only asking tells. */
export function explainError({ message, isPinning }: NonNullable<Trial['error']>, verdict: Verdict): string {
  const known = isPinning ? 'isSslPinningError() knows it' : 'isSslPinningError() cannot know';
  const asked =
    verdict === 'blocked' ? 'getSslPinningError() has the reason' : 'getSslPinningError() is null';
  return `The request failed with “${message}”: ${known}, ${asked}.`;
}

/** Only a failure tells what was shown; for the rest there is what `npm run servers` has written down. */
export function servedTitle(verdict: Verdict): string {
  return verdict === 'allowed' ? 'Keys that the server has' : 'Keys that the server showed';
}
