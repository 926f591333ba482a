// @ts-check
/** Before Metro and the builds: without the servers there is no pin to show and no root to build in. */
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';

const DOCUMENT = new URL('current.json', import.meta.url);

if (!(await isRunning())) {
  console.error('error: the servers are not running\n  -> in another terminal: npm run servers');
  process.exitCode = 1;
}

async function isRunning() {
  const document = await readFile(DOCUMENT, 'utf8').catch(() => null);
  if (document === null) return false;
  return new Promise((resolve) => {
    const socket = connect(JSON.parse(document).port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.end());
  });
}
