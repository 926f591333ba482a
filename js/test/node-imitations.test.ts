/** Programs that run code for Node and are not Node. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

/** What the entry says of itself where `process.versions` names another runtime. */
function askWhere(versions: object): { available: boolean; failure: string } {
  const program = `
    Object.defineProperty(process, 'versions', { value: { ...process.versions, ...${JSON.stringify(versions)} } });
    const { initializeSslPinning, isSslPinningAvailable } = await import('${new URL('../node/index.ts', import.meta.url)}');
    const failure = await initializeSslPinning({}).then(() => '', (error) => error.code + ' ' + error.message);
    console.log(JSON.stringify({ available: isSslPinningAvailable(), failure }));`;
  const args = ['--import', import.meta.resolve('tsx'), '--input-type=module', '-e', program];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
}

test('where fetch does not go over the TLS of Node, nothing is said to be pinned', () => {
  assert.deepEqual(askWhere({}), { available: true, failure: '' });
  for (const [name, versions] of Object.entries({ Bun: { bun: '1.4.5' }, Deno: { deno: '2.5.0' } })) {
    const { available, failure } = askWhere(versions);
    assert.equal(available, false, name);
    assert.match(failure, new RegExp(`^E_SSL_PINNING_UNAVAILABLE .*cannot pin in ${name}: `));
  }
});
