/** For node-host.test.ts: a program that has open connections when it first imports the package. */
import { once } from 'node:events';
import https from 'node:https';
import { resolveTestbed } from '../../scripts/lib/testbed.mjs';
import { WRONG_PIN } from './testbed.js';

const { TEST_URL: url = '', TEST_HOST: host = '' } = process.env;
const agent = new https.Agent({ keepAlive: true });

async function byHttps(): Promise<void> {
  const request = https.get(url, { agent });
  const [response] = await once(request, 'response');
  await once(response.resume(), 'end');
}

async function byFetch(): Promise<void> {
  await (await fetch(url)).text();
}

resolveTestbed();
await byFetch();
await byHttps();
await new Promise((resolve) => setTimeout(resolve, 50)); // both connections are in their pools

const { initializeSslPinning, SslPinningError } = await import('../node/index.js');
await initializeSslPinning({ [host]: { publicKeyHashes: [WRONG_PIN] } });
for (const request of [byFetch, byHttps]) {
  const error = await request().then(
    () => new Error('it went through'),
    (reason: Error) => (reason instanceof TypeError ? (reason.cause as Error) : reason),
  );
  const said = error instanceof SslPinningError ? error.reason : error.message;
  console.log(request === byFetch ? 'fetch' : 'https', said);
}
agent.destroy();
