/** The testbed for the tests of one file: real TLS servers on loopback, `rust/testbed`. */
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { after } from 'node:test';
import { Agent, setGlobalDispatcher } from 'undici';
import { resolveTestbed, Testbed } from '../../scripts/lib/testbed.mjs';

/** A pin that nobody has. */
export const WRONG_PIN = 'AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=';

/** Starts it, and ends it after the tests. */
export async function startTestbed(): Promise<Testbed> {
  const testbed = await Testbed.start();
  after(() => testbed.stop());
  return testbed;
}

/** Has `fetch` and `https` of this process find the testbed's hosts, and trust its root. */
export function reach(testbed: Testbed): { readonly ca: Buffer } {
  const ca = readFileSync(testbed.document.caFile);
  resolveTestbed();
  setGlobalDispatcher(new Agent({ connect: { ca }, connections: 1 }));
  https.globalAgent.options.ca = ca;
  return { ca };
}
