import { act, render, screen } from '@testing-library/react-native';
import { AccessibilityInfo } from 'react-native';
import type { SslPinningVerification } from 'react-native-spki-pinning';
import * as pinning from 'react-native-spki-pinning/jest';
import {
  emitSslPinningError,
  getSslPinningConfiguration,
  resetSslPinningMock,
  setSslPinningAvailable,
} from 'react-native-spki-pinning/jest';
import { App } from '../src/App';
import { SCENARIOS } from '../src/scenarios';
import { connectDevice, SERVERS } from './device';
import { press, run } from './screen';

beforeEach(async () => {
  jest.clearAllMocks();
  resetSslPinningMock();
  connectDevice();
  await render(<App servers={SERVERS} />);
});

function expectVerdict(id: string, verdict: string, reason: string | null): void {
  expect(screen.getByTestId(`verdict-${id}`)).toHaveTextContent(verdict);
  if (reason === null) expect(screen.queryByTestId(`reason-${id}`)).toBeNull();
  else expect(screen.getByTestId(`reason-${id}`)).toHaveTextContent(reason);
}

function pinsOf(host: string): readonly string[] {
  return getSslPinningConfiguration()?.domains[host]?.publicKeyHashes ?? [];
}

describe('a scenario shows its verdict', () => {
  test('a right pin: allowed, with the answer, and the key that is served and pinned', async () => {
    await run('right-pin');
    expectVerdict('right-pin', 'Allowed, as expected', 'pin-matched (localhost)');
    expect(screen.getByText('The server said: 200 hello from localhost')).toBeVisible();
    expect(screen.getAllByText(`${SERVERS.pins.leaf} ✓ in both`)).toHaveLength(2);
  });

  test('a wrong pin: blocked, with the keys of the server and the pinned ones', async () => {
    await run('wrong-pin');
    expectVerdict('wrong-pin', 'Blocked, as expected', 'no-pin-matched (localhost)');
    expect(pinsOf('localhost')).toHaveLength(2);
    for (const pin of [...Object.values(SERVERS.pins), ...pinsOf('localhost')])
      expect(screen.getByText(pin)).toBeVisible();
    expect(screen.getByText(/“TypeError: Network request failed”/)).toHaveTextContent(
      /isSslPinningError\(\) cannot know, getSslPinningError\(\) has the reason/,
    );
  });

  test('report-only: let through, and said', async () => {
    await run('report-only');
    expectVerdict('report-only', 'Let through, and reported, as expected', 'no-pin-matched (localhost)');
    expect(screen.getByText('The server said: 200 hello from localhost')).toBeVisible();
  });

  test('expired pins: allowed, and not because of a pin', async () => {
    await run('expired-pins');
    expectVerdict('expired-pins', 'Allowed, as expected', 'pin-expired (localhost)');
    expect(screen.queryByText(/in both/)).toBeNull();
  });

  test('a redirect: the host that it led to is the one that is named', async () => {
    await run('redirect');
    expectVerdict('redirect', 'Blocked, as expected', 'no-pin-matched (127.0.0.1)');
    for (const pin of pinsOf('127.0.0.1')) expect(screen.getByText(pin)).toBeVisible();
  });

  test('a dead network is told from a pin that has failed before', async () => {
    await run('wrong-pin');
    await run('no-answer');
    expectVerdict('no-answer', 'No answer, as expected', null);
    expect(screen.getByText(/Pins had no say/)).toBeVisible();
    expect(screen.getByText(/getSslPinningError\(\) is null/)).toBeVisible();
    expect(screen.queryByText(/npm run servers/)).toBeNull();
  });

  test('mistakes: every problem, with what to write instead; what was in force stays', async () => {
    await run('right-pin');
    const before = getSslPinningConfiguration();
    await run('mistakes');
    expectVerdict('mistakes', 'Configuration refused, as expected', null);
    expect(screen.getByText(/is a URL, a domain key is a host name only/)).toBeVisible();
    expect(screen.getByText('Instead: use `localhost`')).toBeVisible();
    expect(screen.getByText(/hexadecimal/)).toBeVisible();
    expect(screen.getByText(/^Instead: use `AQIDBAUG/)).toBeVisible();
    expect(getSslPinningConfiguration()).toEqual(before);
    expect(fetch).toHaveBeenCalledTimes(1);
  });

  test.each(['xhr', 'websocket', 'image'])(
    '%s: allowed with the right pin, blocked with a wrong one',
    async (stack) => {
      await run(`${stack}-right-pin`);
      expectVerdict(`${stack}-right-pin`, 'Allowed, as expected', 'pin-matched (localhost)');
      await run(`${stack}-wrong-pin`);
      expectVerdict(`${stack}-wrong-pin`, 'Blocked, as expected', 'no-pin-matched (localhost)');
    },
  );

  test('a picture that was allowed is shown, one that was blocked is not', async () => {
    await run('image-right-pin');
    await run('image-wrong-pin');
    expect(screen.getByTestId('picture-image-right-pin').props.source.uri).toMatch(
      /^https:\/\/localhost:8443\/image\.png\?\d+$/,
    );
    expect(screen.queryByTestId('picture-image-wrong-pin')).toBeNull();
  });
});

test('“Run all” runs every scenario, and counts those that came out as expected', async () => {
  expect(screen.getByTestId('summary')).toHaveTextContent(`${SCENARIOS.length} scenarios. Choose one.`);
  await run('all');
  expect(screen.getByTestId('summary')).toHaveTextContent(
    `${SCENARIOS.length} of ${SCENARIOS.length} as expected`,
  );
  expect(screen.getAllByText(/, as expected$/)).toHaveLength(SCENARIOS.length);
});

test('a server that is not ours makes the right pin fail, and the screen says that this was not expected', async () => {
  connectDevice(['UmVuZGV6LXZvdXMtd2l0aC1zb21lYm9keS1lbHNlLWg=']);
  await run('right-pin');
  expectVerdict('right-pin', 'Blocked, but expected: allowed', 'no-pin-matched (localhost)');
  expect(screen.getByTestId('summary')).toHaveTextContent(`0 of ${SCENARIOS.length} as expected`);
});

test('servers that are not there: the screen says what to look at', async () => {
  await screen.rerender(<App servers={{ ...SERVERS, port: 9 }} />);
  await run('right-pin');
  expectVerdict('right-pin', 'No answer, but expected: allowed', null);
  expect(screen.getByText(/^Is “npm run servers” running\?/)).toBeVisible();
});

test('a verdict is announced to screen readers', async () => {
  const announce = jest.mocked(AccessibilityInfo.announceForAccessibility);
  await run('wrong-pin');
  expect(announce.mock.calls).toEqual([['Wrong pin: Blocked, as expected']]);
});

describe('events', () => {
  test('what listeners are told is listed, the newest first, and counted in the tab', async () => {
    await run('wrong-pin');
    await run('report-only');
    expect(screen.getByTestId('tab-events')).toHaveTextContent('Events (2)');
    await press('tab-events');
    const titles = screen.getAllByText(/: no-pin-matched$/);
    expect(titles.map(({ props }) => props.children)).toEqual([
      'Reported only: no-pin-matched',
      'Blocked: no-pin-matched',
    ]);
    await press('clear-events');
    expect(screen.getByText(/^No events yet/)).toBeVisible();
    expect(screen.getByTestId('tab-events')).toHaveTextContent('Events');
  });

  test('an event that no scenario has made is there too, with its message', async () => {
    await act(async () => {
      emitSslPinningError({
        kind: 'warning',
        serverHostname: 'api.example.com',
        reason: 'pins-expiring',
        enforced: false,
        message: 'The pins of api.example.com end in 5 days.',
      });
    });
    await press('tab-events');
    expect(screen.getByText('Warning: pins-expiring')).toBeVisible();
    expect(screen.getByText('The pins of api.example.com end in 5 days.')).toBeVisible();
    expect(screen.getByText(/api\.example\.com · fetch$/)).toBeVisible();
  });
});

describe('status', () => {
  test('says what is pinned, and in which state', async () => {
    await run('expired-pins');
    await press('tab-status');
    expect(screen.getByTestId('state-localhost')).toHaveTextContent('expired, until 2024-01-01');
    for (const pin of pinsOf('localhost')) expect(screen.getByText(pin)).toBeVisible();
  });

  test('says what the engine warns of', async () => {
    await run('expired-pins');
    await press('tab-status');
    expect(screen.getByText(/^warning: /)).toBeVisible();
  });

  test('“Verify” shows what verification says, stack by stack', async () => {
    await press('tab-status');
    await press('verify');
    expect(screen.getByTestId('verification')).toHaveTextContent('Not verified');
    expect(
      screen.getByText(/^localhost could not be verified: there is no network in the mock$/),
    ).toBeVisible();
    const message = 'localhost shows a pinned key\nfetch: checked (pin-matched)\nexpo/fetch: not in this app';
    const verified = jest.spyOn(pinning, 'verifySslPinning');
    verified.mockResolvedValue({ ok: true, message } as SslPinningVerification);
    await press('verify');
    expect(verified).toHaveBeenCalledWith('localhost', { port: 8443, path: '/image.png' });
    expect(screen.getByTestId('verification')).toHaveTextContent('Verified');
    expect(screen.getByText(message)).toBeVisible();
  });

  test('“Pin nothing” ends it', async () => {
    await run('right-pin');
    await press('tab-status');
    expect(screen.getByTestId('status-active')).toHaveTextContent('Pins are in force');
    await press('disable');
    expect(screen.getByTestId('status-active')).toHaveTextContent('Nothing is pinned');
    expect(getSslPinningConfiguration()).toBeNull();
    expect(screen.getByTestId('disable')).toBeDisabled();
  });
});

test('without the native part the screen says so, and nothing can be run', async () => {
  setSslPinningAvailable(false);
  await screen.rerender(<App servers={SERVERS} />);
  expect(screen.getByText(/^The native part of react-native-spki-pinning is not in this app/)).toBeVisible();
  expect(screen.getByTestId('run-all')).toBeDisabled();
  expect(screen.getByTestId('run-right-pin')).toBeDisabled();
  await press('tab-status');
  expect(screen.getByText(/SslPinningUnavailableError/)).toBeVisible();
});

test('what can be pressed has a role and a name; the tab in front says that it is', async () => {
  expect(screen.getByRole('button', { name: 'Run all' })).toBeEnabled();
  for (const { title } of SCENARIOS) expect(screen.getByRole('button', { name: title })).toBeEnabled();
  expect(screen.getByRole('tab', { name: 'Scenarios' })).toBeSelected();
  await press('tab-status');
  expect(screen.getByRole('tab', { name: 'Scenarios' })).not.toBeSelected();
  expect(screen.getByRole('tab', { name: 'Status' })).toBeSelected();
  expect(screen.getByRole('button', { name: 'Pin nothing' })).toBeDisabled();
});

test('headings are headings', () => {
  for (const name of ['fetch', 'XMLHttpRequest', 'WebSocket', 'Image', 'expo/fetch'])
    expect(screen.getByRole('header', { name })).toBeVisible();
});
