/** What the tests of the Node host share: the testbed, clients, and what they are refused for. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type http from 'node:http';
import https, { type RequestOptions } from 'node:https';
import {
  addSslPinningErrorListener,
  disableSslPinning,
  initializeSslPinning,
  type PinningEvent,
  SslPinningError,
} from '../node/index.js';
import { reach, startTestbed } from './testbed.js';
import { moment, until } from './waiting.js';

export const testbed = await startTestbed();
export const { ca } = reach(testbed);

/** The state before each test. */
export async function unpinned(): Promise<void> {
  await disableSslPinning();
  await testbed.control('POST', '/reset');
}

/** Pins a name, with its subdomains unless it is an IP address. */
export function pin(domain: string, ...publicKeyHashes: string[]): Promise<void> {
  return initializeSslPinning({ [domain]: { includeSubdomains: !/^[\d.]+$/.test(domain), publicKeyHashes } });
}

/** Pins a host of the testbed. */
export function pinHost(name: string, ...pins: string[]): Promise<void> {
  return pin(testbed.host(name).host, ...pins);
}

/** What the testbed says of the connection that a request came over. */
export interface Answer {
  readonly status: number | undefined;
  readonly body: string;
  readonly connection: unknown;
  readonly resumed: boolean;
}

/** Until the client has noticed that its connection is free again. */
function backInPool(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}

export async function byFetch(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, init);
  const header = (name: string) => response.headers.get(`x-testbed-${name}`);
  const body = await response.text();
  await backInPool();
  return {
    status: response.status,
    body,
    connection: header('connection'),
    resumed: header('handshake') === 'resumed',
  };
}

/** Over a connection of its own, unless the options have an agent. */
export async function byHttps(url: string, options: RequestOptions = {}, body = ''): Promise<Answer> {
  const request = https.request(url, { ca, agent: false, ...options });
  request.end(body);
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const pieces: Buffer[] = [];
  for await (const piece of response) pieces.push(piece);
  await backInPool();
  const { 'x-testbed-connection': connection, 'x-testbed-handshake': handshake } = response.headers;
  return {
    status: response.statusCode,
    body: Buffer.concat(pieces).toString(),
    connection,
    resumed: handshake === 'resumed',
  };
}

/** The refusal that a request ends with; anything else fails the test. */
export async function refusal(request: Promise<unknown>): Promise<SslPinningError> {
  const error = await request.then(
    () => assert.fail('the request went through'),
    (reason: Error) => (reason instanceof TypeError ? reason.cause : reason),
  );
  assert.ok(error instanceof SslPinningError, String(error));
  return error;
}

/** Why a request is refused. */
export async function refusedBecause(request: Promise<unknown>): Promise<string> {
  return (await refusal(request)).reason;
}

/** The events that happen while something is done, at least so many. */
export async function eventsOf(least: number, work: () => Promise<unknown>): Promise<PinningEvent[]> {
  const events: PinningEvent[] = [];
  const subscription = addSslPinningErrorListener((event) => events.push(event));
  await work();
  await until(() => events.length >= least, events);
  await moment();
  subscription.remove();
  return events;
}
