/** The entry for the web, and for everything else that is neither React Native nor Node: nothing can be pinned there. */
import { provideNative } from '../src/native.js';

export * from '../src/api.js';
export { useSslPinningErrorListener } from '../src/react.js';

provideNative(
  null,
  'react-native-spki-pinning cannot pin in a browser: a page is not told the certificates of a connection. Call this ' +
    'only where `isSslPinningAvailable()` is true',
);
