/** What React Native's bundlers take in the place of `browser.ts`, but for the web. */
export * from './index.js';
