/** The hook, rendered by React. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { act, createElement, type ReactElement, StrictMode, startTransition, useState } from 'react';
import { create } from 'react-test-renderer';
import { emitSslPinningError, resetSslPinningMock, useSslPinningErrorListener } from '../jest/index.js';

Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true, IS_REACT_NATIVE_TEST_ENVIRONMENT: true });

const told: string[] = [];

function Listener({ name }: { name: string }): null {
  useSslPinningErrorListener(({ serverHostname }) => told.push(`${name} ${serverHostname}`));
  return null;
}

const never = new Promise<never>(() => {});
let suspend = () => {};

/** Has a render begun, by `suspend`, that never ends. */
function Suspending(): null {
  const [name, setName] = useState('shown');
  suspend = () => startTransition(() => setName('thrown away'));
  useSslPinningErrorListener(({ serverHostname }) => told.push(`${name} ${serverHostname}`));
  if (name !== 'shown') throw never;
  return null;
}

function LastFailure(): string {
  const [failed, setFailed] = useState('nothing');
  useSslPinningErrorListener(({ serverHostname }) => setFailed(serverHostname));
  return failed;
}

/** Does something, and waits until React and the mock are done with it. */
async function acting<T>(work: () => T): Promise<T> {
  return act(async () => work());
}

function render(element: ReactElement) {
  return acting(() => create(element));
}

function fail(serverHostname: string): string[] {
  emitSslPinningError({ serverHostname });
  return told.splice(0);
}

beforeEach(() => {
  resetSslPinningMock();
  told.length = 0;
});

test('a component listens while it is mounted', async () => {
  const renderer = await render(createElement(Listener, { name: 'one' }));
  assert.deepEqual(fail('a.test'), ['one a.test']);
  await acting(() => renderer.unmount());
  assert.deepEqual(fail('b.test'), []);
});

test('the listener of the last render is called, and is not told twice', async () => {
  const renderer = await render(createElement(Listener, { name: 'one' }));
  assert.deepEqual(fail('a.test'), ['one a.test']);
  await acting(() => renderer.update(createElement(Listener, { name: 'two' })));
  assert.deepEqual(fail('b.test'), ['two b.test']);
  await acting(() => renderer.unmount());
});

test('what happened before it is mounted is told to it once, also in strict mode', async () => {
  emitSslPinningError({ serverHostname: 'early.test' });
  const renderer = await render(createElement(StrictMode, null, createElement(Listener, { name: 'one' })));
  assert.deepEqual(told.splice(0), ['one early.test']);
  assert.deepEqual(fail('late.test'), ['one late.test']);
  await acting(() => renderer.unmount());
});

test('a render that React throws away changes nothing', async () => {
  const renderer = await render(createElement(Suspending));
  await acting(() => suspend());
  assert.deepEqual(fail('a.test'), ['shown a.test']);
  await acting(() => renderer.unmount());
});

test('a listener that sets state re-renders its component', async () => {
  const renderer = await render(createElement(LastFailure));
  assert.equal(renderer.toJSON(), 'nothing');
  await acting(() => fail('a.test'));
  assert.equal(renderer.toJSON(), 'a.test');
  await acting(() => renderer.unmount());
});
