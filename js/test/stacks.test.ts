/** What `verifySslPinning` sends requests through in React Native, with the stacks that an app has there. */
import assert from 'node:assert/strict';
import { register } from 'node:module';
import { test } from 'node:test';

const asked: string[] = [];
const ask = (stack: string, url: string) => asked.push(`${stack} ${url.replace(/=\d+$/, '=N')}`);

/** As React Native's, which takes what is set and sends when it is told to. */
class XMLHttpRequest {
  onload?: () => void;
  #url = '';
  open(_: string, url: string) {
    this.#url = url;
  }
  setRequestHeader() {}
  send() {
    ask('XMLHttpRequest', this.#url);
    queueMicrotask(() => this.onload?.());
  }
}

class WebSocket {
  onerror?: (event: { message: string }) => void;
  constructor(url: string) {
    ask('WebSocket', url);
    queueMicrotask(() => this.onerror?.({ message: 'Expected HTTP 101 response but was 200 OK' }));
  }
}

Object.assign(globalThis, {
  XMLHttpRequest,
  WebSocket,
  fetch: async (url: string) => ask('fetch', url),
  reactNative: { Image: { prefetch: async (url: string) => ask('Image', url) } },
});
const source = 'export const { Image } = globalThis.reactNative';
register(
  `data:text/javascript,${encodeURIComponent(`export function resolve(specifier, context, next) {
    if (specifier !== 'react-native') return next(specifier, context);
    return { url: 'data:text/javascript,${encodeURIComponent(source)}', format: 'module', shortCircuit: true };
  }`)}`,
);
const { reactNativeStacks } = await import('../src/stacks.js');

async function requestsOf(): Promise<Record<string, string>> {
  const outcomes: Record<string, string> = {};
  for (const [stack, request] of Object.entries(reactNativeStacks())) {
    if (request === null) outcomes[stack] = 'absent';
    else
      outcomes[stack] = await request('https://a.test:8443/').then(
        () => 'answered',
        (error: Error) => error.message,
      );
  }
  return outcomes;
}

test('each stack of React Native is asked, and Expo is absent where it is', async () => {
  assert.deepEqual(await requestsOf(), {
    XMLHttpRequest: 'answered',
    fetch: 'answered',
    WebSocket: 'Expected HTTP 101 response but was 200 OK',
    Image: 'answered',
    'expo/fetch': 'absent',
  });
  assert.deepEqual(asked.splice(0), [
    'XMLHttpRequest https://a.test:8443/',
    'fetch https://a.test:8443/',
    'WebSocket wss://a.test:8443/',
    'Image https://a.test:8443/?spki-pinning=N',
  ]);
});

test("Expo's fetch is asked by the native module that expo/fetch is made of", async () => {
  class NativeResponse {}
  class NativeRequest {
    constructor(readonly response: object) {
      assert.ok(response instanceof NativeResponse);
    }
    async start(url: string, init: { method: string }, body: unknown) {
      ask('expo/fetch', `${init.method} ${body} ${url}`);
    }
  }
  Object.assign(globalThis, { expo: { modules: { ExpoFetchModule: { NativeRequest, NativeResponse } } } });
  assert.equal((await requestsOf())['expo/fetch'], 'answered');
  assert.equal(asked.at(-1), 'expo/fetch HEAD null https://a.test:8443/');
});
