/** The flows for devices, played on the rendered app: that they fit it, not what a device does. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { render, screen, waitFor } from '@testing-library/react-native';
import { resetSslPinningMock } from 'react-native-spki-pinning/jest';
import { parseAllDocuments } from 'yaml';
import { App } from '../src/App';
import { SCENARIOS } from '../src/scenarios';
import { VERDICTS } from '../src/ui/words';
import { connectDevice, SERVERS } from './device';
import { press, run } from './screen';

const FLOWS = join(__dirname, '../.maestro');

type Selector = string | { id?: string; text?: string };
type Environment = Readonly<Record<string, string>>;
type Command = string | Readonly<Record<string, unknown>>;

type SubFlow = {
  file?: string;
  env?: Environment;
  when?: { true: string };
  commands?: readonly Command[];
};

function readFlow(path: string): { appId: string; commands: readonly Command[] } {
  const documents = parseAllDocuments(readFileSync(path, 'utf8'));
  if ('empty' in documents) throw new Error(`${path} is empty`);
  for (const { errors, warnings } of documents) expect([...errors, ...warnings]).toEqual([]);
  const [header, commands, ...others] = documents.map((document) => document.toJS());
  expect(others).toEqual([]);
  return { appId: header.appId, commands };
}

/** `${NAME}` stands for a variable. */
function expand(text: string, environment: Environment): string {
  return text.replaceAll(/\$\{(\w+)\}/g, (_, name) => {
    const value = environment[name];
    if (value === undefined) throw new Error(`there is no variable ${name}`);
    return value;
  });
}

/** What a selector selects; a text is a regular expression for all of it, as Maestro has it. */
function find(selector: Selector, environment: Environment) {
  const { id, text } = typeof selector === 'string' ? { text: selector } : selector;
  const whole = text === undefined ? /^/ : new RegExp(`^(?:${expand(text, environment)})$`);
  if (id === undefined) return screen.getAllByText(whole)[0];
  const element = screen.getByTestId(expand(id, environment));
  if (text !== undefined) expect(element).toHaveTextContent(whole);
  return element;
}

async function play(command: Command, directory: string, environment: Environment): Promise<void> {
  const [[name, value] = []] = typeof command === 'string' ? [[command]] : Object.entries(command);
  switch (name) {
    case 'launchApp':
      await render(<App servers={SERVERS} />);
      return;
    case 'tapOn': {
      const id = expand((value as { id: string }).id, environment);
      await (id.startsWith('run-') ? run(id.slice('run-'.length)) : press(id));
      return;
    }
    case 'assertVisible':
      expect(find(value as Selector, environment)).toBeVisible();
      return;
    case 'scrollUntilVisible':
      expect(find((value as { element: Selector }).element, environment)).toBeVisible();
      return;
    case 'extendedWaitUntil':
      await waitFor(() => expect(find((value as { visible: Selector }).visible, environment)).toBeVisible());
      return;
    case 'runFlow':
      await playFlow(value as SubFlow, directory, environment);
      return;
    default:
      throw new Error(`no such command is known here: ${name}`);
  }
}

async function playFlow({ file, env, when, commands }: SubFlow, directory: string, outer: Environment) {
  const environment = { ...outer, ...env };
  if (when !== undefined) {
    const variable = /^\$\{(\w+) != ''\}$/.exec(when.true)?.[1] ?? '';
    if (expand(`\${${variable}}`, environment) === '') return;
  }
  const path = join(directory, file ?? '');
  const steps = commands ?? readFlow(path).commands;
  for (const step of steps) await play(step, file === undefined ? directory : dirname(path), environment);
}

const FILES = readdirSync(FLOWS).filter((file) => file.endsWith('.yaml'));

beforeEach(() => {
  resetSslPinningMock();
  connectDevice();
});

test.each(FILES)('%s fits the app', async (file) => {
  await playFlow({ file }, FLOWS, {});
});

test('the flows are for the app that Gradle and Xcode build', () => {
  const root = join(__dirname, '..');
  const gradle = readFileSync(join(root, 'android/app/build.gradle'), 'utf8');
  const xcode = readFileSync(join(root, 'ios/SpkiPinningExample.xcodeproj/project.pbxproj'), 'utf8');
  for (const file of [...FILES, 'steps/scenario.yaml']) {
    const { appId } = readFlow(join(FLOWS, file));
    expect(gradle).toContain(`applicationId "${appId}"`);
    expect(xcode).toContain(`PRODUCT_BUNDLE_IDENTIFIER = ${appId};`);
  }
});

test('every scenario is in the flow, with the verdict that it should come to', () => {
  const { commands } = readFlow(join(FLOWS, 'scenarios.yaml'));
  const played = commands.flatMap((command) =>
    typeof command === 'object' && 'runFlow' in command ? [(command.runFlow as SubFlow).env] : [],
  );
  expect(played.map((env) => [env?.ID, env?.VERDICT])).toEqual(
    SCENARIOS.map(({ id, expected }) => [id, VERDICTS[expected].word]),
  );
});
