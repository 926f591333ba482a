/**
 * Stands for the network of a device with one server, reached under both of its names. The mock of the package has the real
 * engine for configurations, but no connections to judge: what a device would do with them is played here.
 */
import { Image } from 'react-native';
import { emitSslPinningError, getSslPinningConfiguration } from 'react-native-spki-pinning/jest';
import type { Servers } from '../src/servers';

export const SERVERS: Servers = {
  host: 'localhost',
  otherHost: '127.0.0.1',
  port: 8443,
  closedPort: 8444,
  pins: {
    leaf: 'TGVhZi1MZWFmLUxlYWYtTGVhZi1MZWFmLUxlYWYtTGU=',
    intermediate: 'SW50ZXItSW50ZXItSW50ZXItSW50ZXItSW50ZXItSW4=',
    root: 'Um9vdC1Sb290LVJvb3QtUm9vdC1Sb290LVJvb3QtUm8=',
  },
};

/** What React Native's fetch rejects with, whatever the reason. */
const FAILED = 'Network request failed';

/** Puts the network in place of the real ones. `pins` are those of the server that answers. */
export function connectDevice(pins: readonly string[] = Object.values(SERVERS.pins)): void {
  const answer = (url: string): string => {
    const { hostname, port, searchParams } = new URL(url);
    if (Number(port) !== SERVERS.port || !isLetThrough(hostname, pins)) throw new TypeError(FAILED);
    const next = searchParams.get('to');
    return next === null ? `hello from ${hostname}` : answer(next);
  };
  globalThis.fetch = jest.fn(async (url) => new Response(answer(String(url))));
  globalThis.XMLHttpRequest = requestClass(answer);
  globalThis.WebSocket = socketClass(answer);
  jest.spyOn(Image, 'prefetch').mockImplementation(async (url) => answer(url) !== '');
}

function isLetThrough(host: string, servedPins: readonly string[]): boolean {
  const domain = getSslPinningConfiguration()?.domains[host];
  const isOff = domain === undefined || new Date(domain.expirationDate ?? '9999-12-31') < new Date();
  if (isOff || domain.publicKeyHashes.some((pin) => servedPins.includes(pin))) return true;
  const enforced = domain.reportOnly !== true;
  emitSslPinningError({
    serverHostname: host,
    enforced,
    servedPins: [...servedPins],
    expectedPins: domain.publicKeyHashes,
  });
  return !enforced;
}

type Respond = (url: string) => string;

function requestClass(answer: Respond) {
  class Request {
    status = 200;
    responseText = '';
    onload = () => {};
    onerror = () => {};
    #url = '';
    open(_method: string, url: string) {
      this.#url = url;
    }
    send() {
      try {
        this.responseText = answer(this.#url);
      } catch {
        return this.onerror();
      }
      return this.onload();
    }
  }
  return Request as unknown as typeof XMLHttpRequest;
}

function socketClass(answer: Respond) {
  class Socket {
    onopen = () => {};
    onmessage = (_event: { data: string }) => {};
    onerror = () => {};
    onclose = (_event: { code: number }) => {};
    constructor(url: string) {
      queueMicrotask(() => {
        try {
          answer(url);
        } catch {
          return this.onerror();
        }
        return this.onopen();
      });
    }
    send(data: string) {
      this.onmessage({ data });
    }
    close() {
      this.onclose({ code: 1000 });
    }
  }
  return Socket as unknown as typeof WebSocket;
}
