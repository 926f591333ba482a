// @ts-check
/**
 * The testbed of this repository as a phone reaches it: behind one port that stays the same, because `adb reverse` needs a
 * number, and under the two names that mean loopback everywhere. Its own names, `*.spki.test`, are in no phone's DNS.
 */
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { Testbed } from '../../scripts/lib/testbed.mjs';

/** What the app reads. */
export const DOCUMENT = 'servers/current.json';

/** Where the root that clients have to trust is put, for `simctl` and for the debug build of Android. */
export const ROOTS = ['servers/testbed-ca.pem', 'android/app/src/debug/res/raw/testbed_ca.pem'];

/**
 * Starts them, and writes into the app what it has to know.
 * @param {string} app its directory
 * @param {number} wanted the port; 0 for any
 */
export async function startServers(app, wanted) {
  const testbed = await Testbed.start();
  try {
    const server = testbed.host('leaf');
    const forwarder = await listen(wanted, (socket) => {
      const upstream = connect(server.port, '127.0.0.1');
      socket.pipe(upstream).pipe(socket);
      socket.on('error', () => upstream.destroy());
      upstream.on('error', () => socket.destroy());
    });
    const port = portOf(forwarder);
    const document = {
      host: 'localhost',
      otherHost: '127.0.0.1',
      port,
      closedPort: await closedPort(),
      pins: server.pins,
    };
    await writeFile(join(app, DOCUMENT), `${JSON.stringify(document, null, 2)}\n`);
    for (const root of ROOTS) {
      await mkdir(dirname(join(app, root)), { recursive: true });
      await copyFile(testbed.document.caFile, join(app, root));
    }
    const stop = () => {
      forwarder.close();
      testbed.stop();
    };
    return { port, document, testbed, stop };
  } catch (error) {
    testbed.stop();
    throw error;
  }
}

/** One on which nobody listens. */
async function closedPort() {
  const server = await listen(0, () => {});
  const port = portOf(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * @param {number} port
 * @param {(socket: import('node:net').Socket) => void} onConnection
 * @returns {Promise<import('node:net').Server>}
 */
function listen(port, onConnection) {
  return new Promise((resolve, reject) => {
    const server = createServer(onConnection);
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

/** @param {import('node:net').Server} server */
function portOf(server) {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port is being listened on');
  return address.port;
}
