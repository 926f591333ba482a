// @ts-check
/** `npm run demo`: real requests over real TLS servers on loopback, allowed and blocked through the public API. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { build } from './lib/build.mjs';
import { main, step } from './lib/steps.mjs';
import { Testbed } from './lib/testbed.mjs';

await main(async () => {
  await build();
  const testbed = await step(
    'TLS servers',
    () => Testbed.start(),
    ({ document }) => `${Object.keys(document.hosts).length} on 127.0.0.1, with a CA of their own`,
  );
  try {
    // In a process of its own: Node reads whom to trust beside the system's roots when it starts.
    const scenario = fileURLToPath(new URL('demo/scenario.mjs', import.meta.url));
    const env = {
      ...process.env,
      NODE_EXTRA_CA_CERTS: testbed.document.caFile,
      SPKI_DEMO_TESTBED: JSON.stringify(testbed.document),
    };
    const child = spawn(process.execPath, [scenario], { env, stdio: ['ignore', 'inherit', 'inherit'] });
    const [code] = await once(child, 'close');
    return code ?? 1;
  } finally {
    testbed.stop();
  }
});
