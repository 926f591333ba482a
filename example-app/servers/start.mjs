// @ts-check
/** `npm run servers`, or `npm run servers -- --port N`: starts the servers, and says what a phone needs to reach them. */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from '../../scripts/lib/build.mjs';
import { Failure, main } from '../../scripts/lib/steps.mjs';
import { DOCUMENT, ROOTS, startServers } from './servers.mjs';

const APP = fileURLToPath(new URL('..', import.meta.url));

await main(async () => {
  const { port } = parseArgs({ options: { port: { type: 'string', default: '8443' } } }).values;
  await build();
  const servers = await startServers(APP, Number(port)).catch((error) => {
    if (error.code !== 'EADDRINUSE') throw error;
    throw new Failure(`port ${port} is in use`, { hint: 'npm run servers -- --port 9443' });
  });
  console.log(`
https://localhost:${servers.port} and https://127.0.0.1:${servers.port} answer until Ctrl-C.
The certificates are new. The app finds their pins in ${DOCUMENT}; Metro notices.

Android, an emulator or a device
  adb reverse tcp:${servers.port} tcp:${servers.port}
  npm run android     builds the new root in: again after every start of these servers

iOS, a simulator
  xcrun simctl keychain booted add-root-cert ${ROOTS[0]}
  npm run ios

An iPhone does not reach them: its localhost is the iPhone itself.`);
  await new Promise((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
  servers.stop();
  return 0;
});
