/** The network stacks that React Native itself brings to every app. */
import { Image } from 'react-native';
import type { Stacks } from './verification.js';

/** One request through each. Libraries with stacks of their own are the app's to name: `requests` of `verifySslPinning`. */
export function reactNativeStacks(): Stacks {
  return {
    // Not the same where another `fetch` has taken the global's place, as Expo's has since SDK 56.
    XMLHttpRequest: byXmlHttpRequest,
    fetch: async (url) => fetch(url, { method: 'HEAD', headers: { 'cache-control': 'no-store' } }),
    WebSocket: byWebSocket,
    Image: prefetch,
  };
}

/** Whether it is a picture does not matter, but it must not come from a cache. */
function prefetch(url: string): Promise<boolean> {
  return Image.prefetch(`${url}${url.includes('?') ? '&' : '?'}spki-pinning=${Date.now()}`);
}

function byXmlHttpRequest(url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.onload = () => resolve();
    request.onerror = () => reject(new Error('the request failed'));
    request.open('HEAD', url);
    request.setRequestHeader('cache-control', 'no-store');
    request.send();
  });
}

/** A server that speaks no WebSocket ends the handshake of HTTP, which comes after that of TLS. */
function byWebSocket(url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url.replace(/^https:/, 'wss:'));
    socket.onopen = () => {
      socket.close();
      resolve();
    };
    socket.onerror = (event) => reject(new Error(event.message || 'the connection failed'));
  });
}
