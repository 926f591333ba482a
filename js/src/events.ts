import type { NativePinning } from './native.js';
import type { PinningEvent, PinningListener, PinningSubscription } from './types.js';

/** By an object of its own, so that a function that listens twice is called twice, as with React Native's emitters. */
const listeners = new Set<{ readonly listener: PinningListener; readonly all: boolean }>();
let source: PinningSubscription | null = null;

/**
 * Adds a listener, for `all` events or for those that something is to be done about. The engine is asked for events while
 * there is one, and keeps them while there is none.
 */
export function subscribe(
  native: NativePinning,
  listener: PinningListener,
  all: boolean,
): PinningSubscription {
  if (typeof listener !== 'function') throw new TypeError('a listener is a function');
  const registration = { listener, all };
  listeners.add(registration);
  if (source === null) {
    source = native.onEvent(deliver);
    native.setListening(true);
  }
  return {
    remove() {
      if (!listeners.delete(registration) || listeners.size > 0) return;
      native.setListening(false);
      source?.remove();
      source = null;
    },
  };
}

function deliver(json: string): void {
  const event: PinningEvent = JSON.parse(json);
  for (const { listener, all } of [...listeners]) {
    if (event.kind === 'info' && !all) continue;
    try {
      listener(event);
    } catch (error) {
      // The app's mistake must be seen, and must not keep the event from the other listeners.
      setTimeout(() => {
        throw error;
      }, 0);
    }
  }
}
