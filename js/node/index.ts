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

const loaded = loadAddon();
if (loaded.ok) {
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
