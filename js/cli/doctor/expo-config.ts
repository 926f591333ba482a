import { existsSync } from 'node:fs';
import { type App, record } from './app.js';
import { ask } from './ask.js';

/** An app's Expo configuration. */
export type ExpoConfig =
  | { readonly state: 'none' }
  | { readonly state: 'known'; readonly file: string; readonly content: Record<string, unknown> }
  | { readonly state: 'unknown'; readonly file: string; readonly why: string };

const CODE = ['ts', 'js', 'mjs', 'cjs', 'mts', 'cts'].map((kind) => `app.config.${kind}`);
const DATA = ['app.config.json', 'app.json'];

/**
 * By Expo's own reader, for it may be code, and JSON with comments. It evaluates the plugins, for it would leave them out
 * otherwise; the functions among them have become their names.
 */
const PROGRAM = `
const { getConfig } = require(require.resolve('expo/config', { paths: [process.cwd()] }));
const { exp } = getConfig(process.cwd(), { skipSDKVersionRequirement: true });
const { plugins, newArchEnabled } = exp;
process.stdout.write('\\n' + JSON.stringify({ plugins, newArchEnabled }), () => process.exit());
`;

/** Of an app that has Expo: read if it is data, and asked of Expo, in a process of its own, if it is code. */
export async function readExpoConfig(app: App): Promise<ExpoConfig> {
  if (app.find('expo') === null) return { state: 'none' };
  const file = [...CODE, ...DATA].find((name) => existsSync(app.path(name)));
  if (file === undefined) return { state: 'none' };
  const data = DATA.includes(file) ? app.readJson(file) : null;
  if (data !== null) return { state: 'known', file, content: record(data.expo ?? data) };
  const answer = await ask(app, ['-e', PROGRAM]);
  if (!answer.ok) return { state: 'unknown', file, why: answer.why };
  try {
    // The last line: what the app's code prints comes before.
    return { state: 'known', file, content: record(JSON.parse(answer.output.split('\n').at(-1) ?? '')) };
  } catch {
    return { state: 'unknown', file, why: 'its answer is no JSON' };
  }
}
