/**
 * The entry for Node: the same API, for the TLS connections that this process opens. `fetch`, `https`, `http2`,
 * WebSocket and every library over `node:tls` are pinned from the import on.
 */
import { provideNative } from '../src/native.js';
import { loadAddon } from './addon.js';
import { NodePinning } from './pinning.js';

export * from '../src/api.js';

const loaded = loadAddon();
if (loaded.ok) {
  const pinning = new NodePinning(new loaded.addon.NativeEngine());
  pinning.install();
  provideNative(pinning, '');
} else {
  provideNative(null, `react-native-spki-pinning: ${loaded.error.message}: ${loaded.error.suggestion}`);
}
