import { render, screen, userEvent, within } from '@testing-library/react-native';
import { AccessibilityInfo, StyleSheet } from 'react-native';
import * as pinning from 'react-native-spki-pinning/jest';
import { App } from '../src/App';
import { SCENARIOS } from '../src/scenarios';
import { connectDevice, SERVERS } from './device';

beforeEach(() => {
  jest.restoreAllMocks();
  pinning.resetSslPinningMock();
  connectDevice();
});

async function press(testID: string): Promise<void> {
  await userEvent.press(screen.getByTestId(testID));
}

async function run(id: string): Promise<void> {
  await render(<App servers={SERVERS} />);
  await press(`run-${id}`);
}

test('a wrong pin is blocked, with the reason, the pins of the server and the pinned ones', async () => {
  await run('wrong-pin');
  expect(screen.getByTestId('verdict-wrong-pin')).toHaveTextContent('Blocked, as expected');
  expect(screen.getByTestId('reason-wrong-pin')).toHaveTextContent('no-pin-matched (localhost)');
  const pinned = pinning.getSslPinningConfiguration()?.domains['localhost']?.publicKeyHashes ?? [];
  expect(pinned).toHaveLength(2);
  for (const pin of [...Object.values(SERVERS.pins), ...pinned]) expect(screen.getByText(pin)).toBeVisible();
  expect(screen.getByText(/“TypeError: Network request failed”.*isSslPinningError\(\) of that: false/)).toBeVisible();
});
