import { useEffect, useInsertionEffect, useRef } from 'react';
import { addSslPinningErrorListener } from './api.js';
import type { PinningListener } from './types.js';

/**
 * Listens while a component is mounted, as `addSslPinningErrorListener` does. The listener may be a new function in every
 * render: the one of the last committed render is called, and nothing is subscribed anew.
 */
export function useSslPinningErrorListener(listener: PinningListener): void {
  const latest = useRef(listener);
  // Not while rendering, which React may throw away; before any other effect, which may cause an event.
  useInsertionEffect(() => {
    latest.current = listener;
  });
  useEffect(() => {
    const subscription = addSslPinningErrorListener((event) => latest.current(event));
    return () => subscription.remove();
  }, []);
}
