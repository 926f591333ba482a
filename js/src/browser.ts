/** The entry for the web, and for everything else that is neither React Native nor Node: nothing can be pinned there. */
import { provideNative } from './native.js';
import type { PinningListener } from './types.js';

export * from './api.js';

/** As in `react.ts`, for projects without React too: there is nothing to hear of here. */
export function useSslPinningErrorListener(_listener: PinningListener): void {}

provideNative(
  null,
  'react-native-spki-pinning cannot pin in a browser: a page is not told the certificates of a connection. Call this ' +
    'only where `isSslPinningAvailable()` is true',
);
