import type { PinningOptions } from 'react-native-spki-pinning';
import type { Servers } from './servers';

/** The ways of React Native to make a request, all of which are pinned. */
export type Stack = 'fetch' | 'XMLHttpRequest' | 'WebSocket' | 'Image';

/**
 * What came of a scenario. `reported`: the pins failed, and the request went through. `no-answer`: it failed, and not because
 * of pins. `refused`: the configuration is not valid, and nothing was requested.
 */
export type Verdict = 'allowed' | 'reported' | 'blocked' | 'no-answer' | 'refused';

/** One configuration and one request under it. */
export type Scenario = {
  id: string;
  stack: Stack;
  title: string;
  about: string;
  pins(servers: Servers): PinningOptions;
  url(servers: Servers): string;
  expected: Verdict;
};

/** A key for the day on which the server's own is lost. Here nobody has it. */
const SPARE = 'AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=';

/** Keys that no server has. */
const WRONG = { publicKeyHashes: [SPARE, 'ISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+P0A='] };

const ENDED = '2024-01-01';

function right(servers: Servers) {
  return { publicKeyHashes: [servers.pins.leaf, SPARE] };
}

function origin({ host, port }: Servers, scheme = 'https'): string {
  return `${scheme}://${host}:${port}`;
}

const FETCH: readonly Scenario[] = [
  {
    id: 'right-pin',
    stack: 'fetch',
    title: 'Right pin',
    about: "The server's own key is pinned, and a spare one.",
    pins: (servers) => ({ [servers.host]: right(servers) }),
    url: (servers) => `${origin(servers)}/`,
    expected: 'allowed',
  },
  {
    id: 'wrong-pin',
    stack: 'fetch',
    title: 'Wrong pin',
    about: 'The server has none of the pinned keys, as when somebody is in between.',
    pins: (servers) => ({ [servers.host]: WRONG }),
    url: (servers) => `${origin(servers)}/`,
    expected: 'blocked',
  },
  {
    id: 'report-only',
    stack: 'fetch',
    title: 'Wrong pin, report-only',
    about: 'Nobody is blocked, but listeners hear of it: to try pins out.',
    pins: (servers) => ({ [servers.host]: { ...WRONG, reportOnly: true } }),
    url: (servers) => `${origin(servers)}/`,
    expected: 'reported',
  },
  {
    id: 'expired-pins',
    stack: 'fetch',
    title: 'Wrong pin, expired',
    about: `The pins have ended on ${ENDED}, so they are off.`,
    pins: (servers) => ({ [servers.host]: { ...WRONG, expirationDate: ENDED } }),
    url: (servers) => `${origin(servers)}/`,
    expected: 'allowed',
  },
  {
    id: 'redirect',
    stack: 'fetch',
    title: 'Redirect to a wrong pin',
    about: 'The first host has the right pin, and sends on to one that has not.',
    pins: (servers) => ({ [servers.host]: right(servers), [servers.otherHost]: WRONG }),
    url: (servers) => `${origin(servers)}/redirect?to=https://${servers.otherHost}:${servers.port}/`,
    expected: 'blocked',
  },
  {
    id: 'no-answer',
    stack: 'fetch',
    title: 'Nobody answers',
    about: 'To fetch, a dead network looks like a blocked server. The app can tell them apart.',
    pins: (servers) => ({ [servers.host]: right(servers) }),
    url: ({ host, closedPort }) => `https://${host}:${closedPort}/`,
    expected: 'no-answer',
  },
  {
    id: 'mistakes',
    stack: 'fetch',
    title: 'Mistakes in the configuration',
    about: 'A URL in place of a host name, and a hash in hex. What was in force before still is.',
    pins: (servers) => ({
      [origin(servers)]: right(servers),
      [servers.host]: {
        publicKeyHashes: ['0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20'],
      },
    }),
    url: (servers) => `${origin(servers)}/`,
    expected: 'refused',
  },
];

/** The other stacks, each with the right and with a wrong pin. */
function pair(stack: Stack, id: string, url: Scenario['url']): readonly Scenario[] {
  return [
    {
      id: `${id}-right-pin`,
      stack,
      title: `${stack}, right pin`,
      about: "The server's own key is pinned, and a spare one.",
      pins: (servers) => ({ [servers.host]: right(servers) }),
      url,
      expected: 'allowed',
    },
    {
      id: `${id}-wrong-pin`,
      stack,
      title: `${stack}, wrong pin`,
      about: 'The server has none of the pinned keys.',
      pins: (servers) => ({ [servers.host]: WRONG }),
      url,
      expected: 'blocked',
    },
  ];
}

export const SCENARIOS: readonly Scenario[] = [
  ...FETCH,
  ...pair('XMLHttpRequest', 'xhr', (servers) => `${origin(servers)}/`),
  ...pair('WebSocket', 'websocket', (servers) => `${origin(servers, 'wss')}/ws`),
  ...pair('Image', 'image', (servers) => `${origin(servers)}/image.png`),
];
