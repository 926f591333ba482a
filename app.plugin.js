export { withSslPinning as default } from './lib/expo/plugin.js';
