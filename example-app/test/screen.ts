/** The screen as somebody uses it. */
import { screen, userEvent, waitFor } from '@testing-library/react-native';

export async function press(testID: string): Promise<void> {
  await userEvent.press(screen.getByTestId(testID));
}

/** Runs a scenario, or `all` of them, to its end. */
export async function run(scenario: string): Promise<void> {
  await press(`run-${scenario}`);
  await waitFor(
    () => {
      if (screen.getByTestId('run-all').props.accessibilityState.disabled) throw new Error('still running');
    },
    { timeout: 10_000 },
  );
}
