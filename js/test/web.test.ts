/** Where no platform brings the native part: the web, Expo Go, Jest. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as pinning from '../src/unavailable.js';

test('it is not available, and everything rejects with what to do; nothing throws', async () => {
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
      assert.match(error.message, /React Native and in Node only/);
      return true;
    });
  }
});

test('a listener is a subscription that can be removed', () => {
  pinning.addSslPinningErrorListener(() => assert.fail('told')).remove();
});
