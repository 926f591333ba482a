/** The entry for everything but React Native and Node, such as the web: nothing can be pinned there. */
export * from './api.js';
