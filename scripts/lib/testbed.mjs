// @ts-check
/** The testbed of rust/testbed as the demo and the tests use it: real TLS servers on loopback. */
import { spawn } from 'node:child_process';
import dns from 'node:dns';
import { createInterface } from 'node:readline';
import { TESTBED } from './build.mjs';

/**
 * One server.
 * @typedef {object} TestbedHost
 * @property {string} host its DNS name; clients map it to loopback themselves
 * @property {number} port
 * @property {Readonly<Record<'leaf' | 'intermediate' | 'root', string | null>>} pins of the validated chain
 * @property {readonly string[]} servedPins of the chain as it is sent
 * @property {string} chainFile
 * @property {string | null} validatedChainFile
 * @property {string} [nextPin] of `rotating`: its other key
 * @property {string} [nextValidatedChainFile] the chain of that
 */

/**
 * What the binary prints; `docs/architecture.md` has all of it.
 * @typedef {object} TestbedDocument
 * @property {string} caFile
 * @property {string} rogueCaFile
 * @property {string} clientCertFile
 * @property {string} clientKeyFile
 * @property {string} controlUrl
 * @property {Readonly<Record<string, TestbedHost>>} hosts
 */

/** Servers that run until they are stopped. */
export class Testbed {
  #child;

  /**
   * @param {import('node:child_process').ChildProcessByStdio<import('node:stream').Writable, import('node:stream').Readable, null> | null} child
   * @param {TestbedDocument} document
   */
  constructor(child, document) {
    this.#child = child;
    this.document = document;
  }

  /** Starts `build/testbed`, which `npm run build` makes, or what `SPKI_TESTBED` names. */
  static async start() {
    const child = spawn(process.env.SPKI_TESTBED ?? TESTBED, {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const failed = new Promise((_, reject) => {
      child.on('error', (error) =>
        reject(new Error(`the testbed does not start: run \`npm run build\` (${error.message})`)),
      );
      child.on('exit', (code) =>
        reject(new Error(`the testbed ended with exit code ${code} while it was starting`)),
      );
    });
    const lines = createInterface(child.stdout);
    const first = new Promise((resolve) => lines.once('line', resolve));
    return new Testbed(child, JSON.parse(await Promise.race([first, failed])));
  }

  /**
   * One that another process has started, and stops.
   * @param {TestbedDocument} document
   */
  static of(document) {
    return new Testbed(null, document);
  }

  /** The end of its input ends it. */
  stop() {
    this.#child?.removeAllListeners('exit');
    this.#child?.stdin.end();
  }

  /** @param {string} name */
  host(name) {
    const host = this.document.hosts[name];
    if (host === undefined) throw new Error(`the testbed has no host ${name}`);
    return host;
  }

  /** @param {string} name */
  url(name, path = '/') {
    const { host, port } = this.host(name);
    return `https://${host}:${port}${path}`;
  }

  /**
   * @param {string} name
   * @param {'leaf' | 'intermediate' | 'root'} [role]
   */
  pin(name, role = 'leaf') {
    const pin = this.host(name).pins[role];
    if (pin === null) throw new Error(`${name} has no ${role}`);
    return pin;
  }

  /**
   * Asks the control port.
   * @param {'GET' | 'POST'} method
   * @param {string} path
   * @param {string} [body]
   */
  async control(method, path, body) {
    const response = await fetch(`${this.document.controlUrl}${path}`, { method, ...(body && { body }) });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error);
    return answer;
  }

  /**
   * Has every server serve something under `/published/NAME`.
   * @param {string} name
   * @param {string} content
   */
  async publish(name, content) {
    await this.control('POST', `/publish?name=${name}`, content);
  }

  /**
   * How many requests have reached the HTTP layer of a host.
   * @param {string} name
   * @returns {Promise<number>}
   */
  async requests(name) {
    return (await this.control('GET', `/requests?host=${name}`)).count;
  }
}

/** Has this process find the testbed's names, at any depth and with a trailing dot, on loopback: it stands in for DNS. */
export function resolveTestbed() {
  const { lookup } = dns;
  /** @type {(host: string, options: any, callback: any) => void} */
  const toLoopback = (host, options, callback) => {
    if (!/(^|\.)spki\.test\.?$/i.test(host)) return lookup(host, options, callback);
    const done = typeof options === 'function' ? options : callback;
    const address = { address: '127.0.0.1', family: 4 };
    process.nextTick(() =>
      options.all ? done(null, [address]) : done(null, address.address, address.family),
    );
  };
  dns.lookup = /** @type {typeof dns.lookup} */ (/** @type {unknown} */ (toLoopback));
}
