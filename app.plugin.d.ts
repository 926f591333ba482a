export { type NativeLayerOptions, type SslPinningPluginOptions, withSslPinning as default } from './lib/expo/plugin.js';
