/** Apps as `doctor` finds them, with what is installed in them. */
import { bareApp, type TestApp } from './cli-embed-support.js';
import { cli } from './cli-support.js';

/** What npm and the app's own package.json say of packages: versions by name, or manifests. */
export function packages(versions: Readonly<Record<string, string | object>>): Record<string, string> {
  const installed = Object.entries(versions).map(([name, manifest]) => [
    `node_modules/${name}/package.json`,
    JSON.stringify(typeof manifest === 'string' ? { name, version: manifest } : manifest),
  ]);
  const dependencies = Object.fromEntries(Object.keys(versions).map((name) => [name, '*']));
  return { ...Object.fromEntries(installed), 'package.json': JSON.stringify({ dependencies }) };
}

export const GOOD = { 'react-native-spki-pinning': '0.1.0', 'react-native': '0.87.1' };

export async function doctor(app: TestApp) {
  const run = await cli(['doctor', '--json'], { cwd: app.directory });
  const findings: { severity: string; code: string; message: string; suggestion: string | null }[] =
    run.json.findings;
  const codes = (severity: string) =>
    findings.filter((finding) => finding.severity === severity).map(({ code }) => code);
  return { ...run, findings, errors: codes('error'), warnings: codes('warning'), json: run.json };
}

/** An app that carries its configuration. */
export async function goodApp(versions: Readonly<Record<string, string | object>> = GOOD): Promise<TestApp> {
  const app = bareApp(packages(versions));
  await cli(['embed', 'ssl-pinning.json'], { cwd: app.directory });
  return app;
}
