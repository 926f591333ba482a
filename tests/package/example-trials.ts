/**
 * Every scenario of the example app in this process: its configurations, URLs and servers, by the engine and over real TLS.
 * React Native's stacks are not here; XMLHttpRequest and Image are stood for by fetch. Prints what came of each as JSON.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [app = ''] = process.argv.slice(2);
const load = (path: string) => import(pathToFileURL(join(app, path)).href);

const [{ SCENARIOS }, { runTrial }, { byFetch, byWebSocket, byImage }] = await Promise.all(
  ['src/scenarios.ts', 'src/trial.ts', 'src/requests.ts'].map(load),
);
const servers = JSON.parse(readFileSync(join(app, 'servers/current.json'), 'utf8'));
const requests = {
  fetch: byFetch,
  XMLHttpRequest: byFetch,
  WebSocket: byWebSocket,
  Image: byImage((url: string) => fetch(url).then((response) => response.arrayBuffer())),
};
const trials: unknown[] = [];
for (const scenario of SCENARIOS)
  trials.push({ scenario, trial: await runTrial(scenario, servers, requests) });
console.log(JSON.stringify(trials));
process.exit(0); // sockets that a server keeps open
