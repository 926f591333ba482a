/** Waiting: for what is to come, as long as a busy machine takes; for what must not come, a moment. */
import assert from 'node:assert/strict';

const AT_MOST_MS = 20_000;

/** Until it is true; `seen` is what the failure shows. */
export async function until(isTrue: () => boolean | Promise<boolean>, seen?: unknown): Promise<void> {
  const end = Date.now() + AT_MOST_MS;
  while (!(await isTrue())) {
    assert.ok(Date.now() < end, `it did not come to pass: ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** In which something that must not happen would happen. */
export function moment(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 50));
}
