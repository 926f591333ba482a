/** What `hash HOST` says of whose keys it shows. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rootCertificates } from 'node:tls';
import { adviceForServer } from '../cli/advice.js';
import { styleFor } from '../cli/output.js';
import { cli } from './cli-support.js';
import { startTestbed } from './testbed.js';
import { Workspace } from './workspace.js';

const workspace = new Workspace();
const testbed = await startTestbed();

test('whoever hashes a live server is told whose keys these may be', async () => {
  const { host, port } = testbed.host('leaf');
  const args = ['hash', `${host}:${port}`, '--connect', '127.0.0.1'];
  // As on a machine that has the CA of a proxy among its own.
  const run = await cli(args, { env: { SSL_CERT_FILE: testbed.document.caFile } });
  assert.equal(run.code, 0, run.stderr);
  assert.match(run.stdout, /^warning: this machine trusts .*root.*, but browsers do\s+not/im);
  assert.match(run.stdout, /not\s+the\s+keys\s+of\s+leaf\.spki\.test/);
  for (const line of run.stdout.split('\n')) assert.ok(line.length <= 100, line);
  const named = await cli([...args, '--ca', testbed.document.caFile]);
  assert.equal(named.code, 0, named.stderr);
  assert.doesNotMatch(named.stdout, /browsers/, 'who names a CA knows');
});

test('a chain under a root of browsers is told apart from one that this machine alone trusts', () => {
  const served = rootCertificates.slice(0, 3).map((pem) => ({
    ...{ pin: workspace.pinOfCertificate(pem), subject: 'CN=Root', issuer: 'CN=Root', keyAlgorithm: null },
    ...{ notBefore: null, notAfter: null, der: '', role: 'root' as const },
  }));
  for (const root of served) {
    const leaf = { ...root, role: 'leaf' as const };
    const advice = adviceForServer('a.test', [leaf, root], styleFor({}, {}));
    assert.match(
      advice,
      /^These are the keys that this network has shown to this machine\. Before you\s+ship/,
    );
    const pin = 'AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=';
    assert.match(
      adviceForServer('a.test', [leaf, { ...root, pin }], styleFor({}, {})),
      /^warning: this machine/,
    );
  }
});
