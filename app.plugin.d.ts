import type * as options from './lib/expo/options.js';
import { withSslPinning } from './lib/expo/plugin.js';

declare const plugin: typeof withSslPinning;
declare namespace plugin {
  type NativeLayerOptions = options.NativeLayerOptions;
  type SslPinningPluginOptions = options.SslPinningPluginOptions;
}
export = plugin;
