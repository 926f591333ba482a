/** For the web Metro would take `browser.native.ts`, were this not here. */
export * from './browser.js';
