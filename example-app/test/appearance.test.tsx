import { render, screen } from '@testing-library/react-native';
import { StyleSheet, useColorScheme } from 'react-native';
import { resetSslPinningMock } from 'react-native-spki-pinning/jest';
import { App } from '../src/App';
import { connectDevice, SERVERS } from './device';
import { run } from './screen';

type Element = ReturnType<typeof screen.getByTestId>;

beforeEach(() => {
  resetSslPinningMock();
  connectDevice();
});

function prefer(mode: 'light' | 'dark'): void {
  jest.mocked(useColorScheme).mockReturnValue(mode);
}

/** The screen after every scenario. */
async function renderAll(): Promise<void> {
  await render(<App servers={SERVERS} />);
  await run('all');
}

function allTexts(): readonly Element[] {
  return screen.getAllByText(/./);
}

function styleOf(element: Element | null): Readonly<Record<string, unknown>> {
  return StyleSheet.flatten(element?.props.style) ?? {};
}

/** Of the nearest element that has one. */
function backgroundOf(element: Element): string {
  for (let at: Element | null = element; at !== null; at = at.parent) {
    const { backgroundColor } = styleOf(at);
    if (typeof backgroundColor === 'string') return backgroundColor;
  }
  throw new Error('there is no background');
}

/** WCAG 2.2: relative luminance, and contrast of two colours. */
function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5]
    .map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

test.each(['light', 'dark'] as const)('every text can be read: %s', async (mode) => {
  prefer(mode);
  await renderAll();
  expect(allTexts().length).toBeGreaterThan(100);
  for (const text of allTexts()) {
    const colours = [String(styleOf(text).color), backgroundOf(text)] as const;
    expect({ text: text.props.children, colours, isReadable: contrast(...colours) >= 4.5 }).toMatchObject({
      isReadable: true,
    });
  }
});

test('light and dark are not the same', async () => {
  const backgrounds: string[] = [];
  for (const mode of ['light', 'dark'] as const) {
    prefer(mode);
    await render(<App servers={SERVERS} />);
    backgrounds.push(backgroundOf(screen.getByTestId('summary')));
    await screen.unmount();
  }
  expect(new Set(backgrounds).size).toBe(2);
});

test('text grows with the size that the system says: it is neither cut nor in a fixed height', async () => {
  await renderAll();
  for (const text of allTexts()) {
    expect(text.props.allowFontScaling).not.toBe(false);
    expect(text.props.numberOfLines).toBeUndefined();
    for (let at: Element | null = text; at !== null; at = at.parent)
      expect(styleOf(at)).not.toHaveProperty('height');
  }
});
