/** What others have written (names in certificates) in the log of a build service: it reads lines as commands. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import tls from 'node:tls';
import { cli } from './cli-support.js';
import { Workspace } from './workspace.js';

const workspace = new Workspace();

/** Of Azure Pipelines and TeamCity, anywhere in a line; of GitHub Actions, at the start of one, which may be indented. */
const COMMANDS = ['##vso[task.prependpath]evil', '##teamcity[x]', '##[add-mask]a', '::stop-commands::a'];
const READS_AS_COMMAND = /##|^\s*::[\w-]+.*::/m;

/** Long enough for a line to be broken before each. */
const NAME = COMMANDS.map((command) => `${'a'.repeat(60 - command.length)} ${command}`);

workspace.write(
  'name.cnf',
  `[req]\nprompt=no\ndistinguished_name=dn\n[dn]\n${NAME.map((text, index) => `${index}.OU=${text.replaceAll('#', '\\#')}`).join('\n')}\n`,
);
const KEY = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes';
workspace.openssl(`req -x509 ${KEY} -config name.cnf -keyout ca.key -out ca.pem -days 30`);
workspace.openssl(`req ${KEY} -subj /CN=localhost -keyout leaf.key -out leaf.csr`);
workspace.write('leaf.ext', 'subjectAltName=DNS:localhost');
workspace.openssl(
  'x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -days 30 -extfile leaf.ext -out leaf.pem -set_serial 1',
);
workspace.write(
  'pins.json',
  '{"localhost":{"publicKeyHashes":["AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="]}}',
);

test('a name in a certificate is no command to a build service, whoever has signed it', async () => {
  const file = (name: string) => readFileSync(workspace.path(name));
  const server = tls.createServer({ key: file('leaf.key'), cert: file('leaf.pem') });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  server.unref();
  const { port } = server.address() as AddressInfo;
  const at = ['--connect', `127.0.0.1:${port}`];
  for (const args of [
    ['hash', '--cert', 'ca.pem'],
    ['hash', 'localhost', ...at],
    ['hash', 'localhost', ...at, '--ca', 'ca.pem'],
    ['check', 'pins.json', '--online', ...at],
  ]) {
    const { stdout, stderr } = await cli(args, { cwd: workspace.directory });
    assert.match(stdout + stderr, /vso\[task\.prependpath\]evil/, args.join(' '));
    assert.doesNotMatch(stdout, READS_AS_COMMAND, args.join(' '));
    assert.doesNotMatch(stderr, READS_AS_COMMAND, args.join(' '));
    const asJson = await cli([...args, '--json'], { cwd: workspace.directory });
    assert.doesNotMatch(asJson.stdout, READS_AS_COMMAND, args.join(' '));
    const said = JSON.stringify(asJson.json);
    for (const command of COMMANDS) assert.ok(said.includes(command), `${args.join(' ')} --json: as it is`);
  }
});
