/** The entry for where nothing can be pinned: the web. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import * as reactNative from '../jest/index.js';
import * as pinning from '../src/browser.js';

test('it is not available, and everything rejects with the reason; nothing throws', async () => {
  assert.equal(pinning.isSslPinningAvailable(), false);
  for (const call of [
    () => pinning.initializeSslPinning({}),
    () => pinning.disableSslPinning(),
    () => pinning.getSslPinningStatus(),
  ]) {
    const promise = call();
    await assert.rejects(promise, (error: Error & { code?: string }) => {
      assert.ok(error instanceof pinning.SslPinningUnavailableError);
      assert.equal(error.code, 'E_SSL_PINNING_UNAVAILABLE');
      assert.match(error.message, /cannot pin in a browser.*only where `isSslPinningAvailable\(\)` is true/);
      return true;
    });
  }
});

test('a listener is a subscription that can be removed', () => {
  pinning.addSslPinningErrorListener(() => assert.fail('told')).remove();
});

test('it needs no React, and its hook is one that hears nothing', () => {
  pinning.useSslPinningErrorListener(() => assert.fail('told'));
  const hooks = `export const resolve = (name, context, next) => {
    if (/^react/.test(name)) throw new Error(name + ' is not installed');
    return next(name, context);
  }`;
  const program = `
    import { register } from 'node:module';
    register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(hooks)}`)});
    const { isSslPinningAvailable } = await import('${new URL('../src/browser.ts', import.meta.url)}');
    console.log(isSslPinningAvailable());`;
  const args = ['--import', import.meta.resolve('tsx'), '--input-type=module', '-e', program];
  assert.equal(execFileSync(process.execPath, args, { encoding: 'utf8' }), 'false\n');
});

test('no request failed because of pinning', async () => {
  assert.equal(await pinning.getSslPinningError('https://example.com/'), null);
  assert.equal(pinning.isSslPinningError(new TypeError('Failed to fetch')), false);
});

test('what an app imports for its phones is there', () => {
  for (const name of Object.keys(pinning)) assert.ok(name in reactNative, name);
});
