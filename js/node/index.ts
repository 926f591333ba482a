/**
 * The entry for Node: the same API, for the TLS connections that this process opens. `fetch`, `https`, `http2`,
 * WebSocket and every library over `node:tls` are pinned from the import on.
 */
import https from 'node:https';
import { provideNative } from '../src/native.js';
import { provideStacks } from '../src/verification.js';
import { loadAddon } from './addon.js';
import { NodePinning } from './pinning.js';

export * from '../src/api.js';

const { SPKI_PINNING_FOLDER: folder, NODE_EXTRA_CA_CERTS: caFile } = process.env;
const { npm_package_name: id, npm_package_version: version } = process.env;

/** Who takes the entry for Node, and has a `fetch` that does not go over `node:tls`: it would go by every pin. */
const OTHERS = { bun: 'Bun', deno: 'Deno' };
const other = Object.entries(OTHERS).find(([name]) => name in process.versions)?.[1];

const loaded = loadAddon();
if (other !== undefined) {
  const why = `it sees the connections of Node's TLS, and ${other} makes others. Call this only where \`isSslPinningAvailable()\` is true`;
  provideNative(null, `react-native-spki-pinning cannot pin in ${other}: ${why}`);
} else if (loaded.ok) {
  const pinning = new NodePinning(loaded.addon, { folder, caFile, app: { id, version, platform: 'node' } });
  pinning.install();
  provideNative(pinning, '');
  provideStacks(() => ({
    fetch: async (url) => (await fetch(url, { method: 'HEAD' })).body?.cancel(),
    https: byHttps,
  }));
} else {
  provideNative(null, `react-native-spki-pinning: ${loaded.error.message}: ${loaded.error.suggestion}`);
}

function byHttps(url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = https.request(url, { method: 'HEAD' }, (response) => {
      response.resume();
      resolve();
    });
    request.on('error', reject).end();
  });
}
