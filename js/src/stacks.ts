/** The network stacks of a React Native app that can be found without an import. */
import { Image } from 'react-native';
import type { StackRequest, Stacks } from './verification.js';

/** What Expo's runtime puts into the global scope, as far as its `fetch` is concerned. */
interface Expo {
  readonly modules?: {
    readonly ExpoFetchModule?: {
      readonly NativeResponse: new () => object;
      readonly NativeRequest: new (
        response: object,
      ) => {
        start(url: string, init: object, body: Uint8Array | null): Promise<unknown>;
      };
    };
  };
}

/** One request through each. Libraries with stacks of their own are the app's to name: `requests` of `verifySslPinning`. */
export function reactNativeStacks(): Stacks {
  return {
    // Not the same where another `fetch` has taken the global's place, as Expo's has since SDK 56.
    XMLHttpRequest: byXmlHttpRequest,
    fetch: async (url) => fetch(url, { method: 'HEAD', headers: { 'cache-control': 'no-store' } }),
    WebSocket: byWebSocket,
    Image: prefetch,
    'expo/fetch': expoFetch(),
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

/** By the native module behind it: Metro would look for what is imported, and an app need not have Expo. */
function expoFetch(): StackRequest | null {
  const expoModule = (globalThis as { expo?: Expo }).expo?.modules?.ExpoFetchModule;
  if (expoModule === undefined) return null;
  const init = {
    credentials: 'omit',
    headers: [['cache-control', 'no-store']],
    method: 'HEAD',
    redirect: 'follow',
  };
  return (url) => new expoModule.NativeRequest(new expoModule.NativeResponse()).start(url, init, null);
}
