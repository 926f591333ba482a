/**
 * The entry for who is neither React Native nor Node. An app's Metro that was told to go by the condition `browser`, for another
 * package's sake, takes it on phones too: without an extension it finds `browser.native.js` there, and pins.
 */
export * from '../src/browser';
