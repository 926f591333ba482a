/** keygen, sign and verify, as processes; against openssl and against jose, which is how others do the same. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import * as jose from 'jose';
import { type Run, cli as runCli } from './cli-support.js';

const cli = (...args: string[]) => runCli(args);

const folder = mkdtempSync(join(tmpdir(), 'spki-manifest-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const PIN = 'r/mIkG3eEpVdm+u/ko/cwxzOMo1bk4TyHIlByibiA5E=';
const BACKUP = 'YLh1dUR9y6Kja30RrAn7JKnbQG/uEtLMkBgFF2Fuihg=';
const DOMAINS = { 'example.com': { publicKeyHashes: [PIN, BACKUP] } };
const soon = () => Math.floor(Date.now() / 1000) + 14 * 86_400;

let made = 0;
const path = (name: string) => join(folder, name);
const newFile = (name: string) => path(`${++made}-${name}`);

function file(content: string | object): string {
  const name = newFile('file');
  writeFileSync(name, typeof content === 'string' ? content : JSON.stringify(content));
  return name;
}

async function keyPair(...options: string[]): Promise<{ key: string; pub: string }> {
  const key = newFile('key');
  const { code, stderr } = await cli('keygen', '--out', key, ...options);
  assert.equal(code, 0, stderr);
  return { key, pub: `${key}.pub` };
}

async function signed(claims: object, key: string, ...options: string[]): Promise<string> {
  const { code, stdout, stderr } = await cli('sign', file(claims), '--key', key, ...options);
  assert.equal(code, 0, stdout + stderr);
  return stdout.trim();
}

function verified(manifest: string, pub: string, ...options: string[]): Promise<Run> {
  return cli('verify', file(manifest), '--key', pub, '--json', ...options);
}

const claims = (version = 1, more = {}) => ({ version, exp: soon(), domains: DOMAINS, ...more });

for (const algorithm of ['EdDSA', 'ES256']) {
  for (const format of ['pem', 'jwk']) {
    test(`what ${algorithm} keys in ${format} sign is verified by us and by jose`, async () => {
      const { key, pub } = await keyPair('--algorithm', algorithm, '--format', format);
      assert.equal(statSync(key).mode & 0o777, 0o600);
      const manifest = await signed(claims(7), key);
      const { code, json } = await verified(manifest, pub);
      assert.deepEqual(
        [code, json.ok, json.manifest.version, json.manifest.algorithm],
        [0, true, 7, algorithm],
      );
      assert.deepEqual(json.manifest.domains[0].pins, [PIN, BACKUP]);

      const text = readFileSync(pub, 'utf8');
      const joseKey =
        format === 'pem' ? await jose.importSPKI(text, algorithm) : await jose.importJWK(JSON.parse(text));
      const { payload, protectedHeader } = await jose.jwtVerify(manifest, joseKey, { typ: 'pins+jwt' });
      assert.deepEqual([payload.version, protectedHeader.alg], [7, algorithm]);
      const thumbprint = await jose.calculateJwkThumbprint(await jose.exportJWK(joseKey));
      assert.deepEqual([protectedHeader.kid, json.manifest.signedBy], [thumbprint, thumbprint]);
    });
  }
  test(`what jose signs with ${algorithm} is verified by us, with its keys as PEM and as JWK`, async () => {
    const { privateKey, publicKey } = await jose.generateKeyPair(algorithm, { extractable: true });
    const manifest = await new jose.SignJWT({ version: 3, domains: DOMAINS })
      .setProtectedHeader({ alg: algorithm, typ: 'pins+jwt' })
      .setIssuedAt()
      .setExpirationTime('14d')
      .sign(privateKey);
    const forms = [await jose.exportSPKI(publicKey), JSON.stringify(await jose.exportJWK(publicKey))];
    for (const form of forms) assert.equal((await verified(manifest, file(form))).code, 0);
    const secret = [await jose.exportPKCS8(privateKey), JSON.stringify(await jose.exportJWK(privateKey))];
    for (const form of secret) {
      assert.equal((await verified(await signed(claims(4), file(form)), file(forms[0] ?? ''))).code, 0);
    }
  });
}

test('keys are those of openssl, in both directions, also behind a passphrase', async () => {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const { key, pub } = await keyPair();
  assert.match(openssl('pkey', '-in', key, '-pubout').toString(), /BEGIN PUBLIC KEY/);
  assert.equal(openssl('pkey', '-in', key, '-pubout').toString(), readFileSync(pub, 'utf8'));
  for (const options of [['ed25519'], ['EC', '-pkeyopt', 'ec_paramgen_curve:P-256']]) {
    const made = newFile('openssl');
    openssl('genpkey', '-algorithm', ...options, '-out', made);
    openssl('pkey', '-in', made, '-pubout', '-out', `${made}.pub`);
    assert.equal((await verified(await signed(claims(), made), `${made}.pub`)).code, 0);
  }
  const sec1 = newFile('sec1');
  openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', sec1);
  openssl('pkey', '-in', sec1, '-pubout', '-out', `${sec1}.pub`);
  assert.equal((await verified(await signed(claims(), sec1), `${sec1}.pub`)).code, 0);

  const encrypted = newFile('encrypted');
  openssl('pkey', '-in', key, '-aes256', '-passout', 'pass:correct horse', '-out', encrypted);
  const without = await cli('sign', file(claims()), '--key', encrypted, '--json');
  assert.equal(without.json.error.code, 'key-encrypted');
  const manifest = await signed(claims(), encrypted, '--passphrase-file', file('correct horse\n'));
  assert.equal((await verified(manifest, pub)).code, 0);
});

test('attacks are refused, each by its name', async () => {
  const { key, pub } = await keyPair();
  const other = await keyPair();
  const manifest = await signed(claims(), key);
  const [header = '', payload = '', signature = ''] = manifest.split('.');
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const publicKey = readFileSync(pub);
  const hmac = await new jose.SignJWT(claims())
    .setProtectedHeader({ alg: 'HS256', typ: 'pins+jwt' })
    .sign(publicKey);
  const signWith = (fields: object) =>
    new jose.SignJWT(claims(1, { iat: 1 }))
      .setProtectedHeader(fields as jose.JWTHeaderParameters)
      .sign(createPrivateKey(readFileSync(key)), { crit: { pins: true } });
  const es256 = await keyPair('--algorithm', 'ES256');
  const es256Manifest = await signed(claims(), es256.key);
  const [h = '', p = ''] = es256Manifest.split('.');
  const der = sign('sha256', Buffer.from(`${h}.${p}`), createPrivateKey(readFileSync(es256.key)));
  const cases: [string, string, string][] = [
    [`${encode({ alg: 'none', typ: 'pins+jwt' })}.${payload}.`, pub, 'manifest-algorithm'],
    [hmac, pub, 'manifest-algorithm'],
    [manifest, other.pub, 'manifest-signature'],
    [manifest.slice(0, -1), pub, 'manifest-not-jws'],
    [`${header}.${encode(claims(9))}.${signature}`, pub, 'manifest-signature'],
    [await signWith({ alg: 'EdDSA', typ: 'JWT' }), pub, 'manifest-type'],
    [await signWith({ alg: 'EdDSA', typ: 'pins+jwt', crit: ['pins'], pins: 1 }), pub, 'manifest-critical'],
    [`${h}.${p}.${der.toString('base64url')}`, es256.pub, 'manifest-signature'],
    ['<html>', pub, 'manifest-not-jws'],
    ['', pub, 'manifest-not-jws'],
    ['A'.repeat(1 << 20), pub, 'manifest-too-large'],
  ];
  for (const [served, by, code] of cases) {
    const outcome = await verified(served, by);
    assert.deepEqual(
      [outcome.code, outcome.json.code, outcome.json.ok],
      [1, code, false],
      served.slice(0, 80),
    );
  }
});

test('what an app would say is said: time, version, audience, and pins that it may not lose', async () => {
  const { key, pub } = await keyPair();
  const manifest = await signed(claims(1, { minAppVersion: '2.10', aud: 'shop' }), key);
  const ask = async (...options: string[]) => (await verified(manifest, pub, ...options)).json.code;
  const good = ['--app-version', '2.10.1', '--audience', 'shop'];
  assert.equal(await ask(...good), 'ok');
  assert.equal(await ask(...good, '--at', '2020-01-01'), 'manifest-from-future');
  assert.equal(await ask(...good, '--at', '2099-01-01'), 'manifest-expired');
  assert.equal(await ask('--app-version', '2.9', '--audience', 'shop'), 'app-too-old');
  assert.equal(await ask('--app-version', '2.10'), 'manifest-audience');

  const config = file({ 'example.com': { publicKeyHashes: [PIN, BACKUP] } });
  const reportOnly = { 'example.com': { publicKeyHashes: [PIN, BACKUP], reportOnly: true } };
  const weaker = await cli(
    'sign',
    file(claims(2, { domains: reportOnly })),
    '--key',
    key,
    '--config',
    config,
    '--json',
  );
  assert.deepEqual([weaker.code, weaker.json.error.code], [1, 'manifest-unpins']);
  const taken = await signed(claims(2, { domains: reportOnly }), key);
  assert.equal((await verified(taken, pub, '--config', config)).json.code, 'manifest-unpins');
});

test('claims with mistakes are not signed, and each mistake is named', async () => {
  const { key } = await keyPair();
  const bad = {
    version: 0,
    exp: 1,
    minAppVerison: '1',
    domains: { 'https://a.test': { publicKeyHashes: [] } },
  };
  const { code, json: found } = await cli('sign', file(bad), '--key', key, '--json');
  assert.equal(code, 1);
  assert.equal(found.manifest, null);
  const codes = found.problems.map((problem: { code: string }) => problem.code);
  for (const expected of ['wrong-claim', 'unknown-claim', 'domain-is-url', 'pins-empty']) {
    assert.ok(codes.includes(expected), `${expected} in ${codes}`);
  }
  const human = await cli('sign', file(bad), '--key', key);
  assert.match(human.stdout, /did you mean `minAppVersion`\?/);
  assert.match(human.stdout, /nothing was signed/);
});

test('a configuration file is signed with a version and an end from the command line, to a new file', async () => {
  const { key, pub } = await keyPair();
  const configuration = file({ domains: DOMAINS, settings: { requireBackupPin: true } });
  const out = newFile('pins.jwt');
  const end = new Date(soon() * 1000).toISOString().slice(0, 10);
  const args = [
    'sign',
    configuration,
    '--key',
    key,
    '--manifest-version',
    '12',
    '--expires',
    end,
    '--out',
    out,
  ];
  const { code, stdout, stderr } = await cli(...args);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /version 12, 1 domain, until /);
  assert.equal((await cli('verify', out, '--key', pub)).code, 0);
  const again = await cli(...args, '--json');
  assert.deepEqual([again.code, again.json.error.code], [2, 'file-exists']);
});

test('a key is never written over, and one of the wrong kind is named', async () => {
  const { key, pub } = await keyPair();
  const before = readFileSync(key, 'utf8');
  assert.equal((await cli('keygen', '--out', key)).code, 2);
  assert.equal(readFileSync(key, 'utf8'), before);
  const manifest = file(await signed(claims(), key));
  const codeOf = async (...words: string[]) => (await cli(...words, '--json')).json.error.code;
  assert.equal(await codeOf('verify', manifest, '--key', key), 'key-is-private');
  assert.equal(await codeOf('sign', file(claims()), '--key', pub), 'key-is-public');
  assert.equal(await codeOf('sign', file(claims()), '--key', file('hello')), 'key-unreadable');
  const rsa = newFile('rsa');
  execFileSync('openssl', ['genrsa', '-out', rsa, '2048'], { stdio: 'ignore' });
  assert.equal(await codeOf('sign', file(claims()), '--key', rsa), 'key-unsupported');
  for (const words of [['keygen'], ['sign'], ['verify'], ['sign', manifest], ['verify', manifest]]) {
    assert.equal(await codeOf(...words), 'usage');
  }
  assert.equal(await codeOf('keygen', '--out', newFile('x'), '--algorithm', 'RS256'), 'usage');
  assert.doesNotMatch((await cli('keygen', '--out', newFile('y'))).stdout, /PRIVATE/);
  assert.ok(createPublicKey(readFileSync(pub)));
});

test('any of several keys may have signed', async () => {
  const [one, two] = [await keyPair(), await keyPair()];
  const manifest = file(await signed(claims(), two.key));
  assert.equal((await cli('verify', manifest, '--key', one.pub, '--key', two.pub)).code, 0);
  assert.equal((await cli('verify', manifest, '--key', one.pub)).code, 1);
});

test('a byte that was flipped anywhere, a signature of another manifest, a header of another key: refused', async () => {
  for (const algorithm of ['EdDSA', 'ES256']) {
    const { key, pub } = await keyPair('--algorithm', algorithm);
    const parts = (await signed(claims(1), key)).split('.');
    const others = (await signed(claims(2), key)).split('.');
    for (const [index, name] of ['header', 'claims', 'signature'].entries()) {
      const bytes = Buffer.from(parts[index] ?? '', 'base64url');
      const middle = bytes.length >> 1;
      bytes.writeUInt8(bytes.readUInt8(middle) ^ 1, middle);
      const outcome = await verified(parts.with(index, bytes.toString('base64url')).join('.'), pub);
      assert.deepEqual([outcome.code, outcome.json.ok], [1, false], `${algorithm} ${name}`);
      if (index > 0) assert.equal(outcome.json.code, 'manifest-signature', `${algorithm} ${name}`);
    }
    for (const index of [1, 2]) {
      const swapped = parts.with(index, others[index] ?? '').join('.');
      assert.equal((await verified(swapped, pub)).json.code, 'manifest-signature', algorithm);
    }
  }
});

test('keys that cannot sign or verify pins are refused, with the file and what to do', async () => {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const { key, pub } = await keyPair('--format', 'jwk');
  const manifest = file(await signed(claims(), key));
  const errorOf = async (...words: string[]) => {
    const { code, json } = await cli(...words, '--json');
    assert.equal(code, 2);
    return json.error;
  };
  const generate = (...options: string[]) => {
    const made = newFile('openssl');
    openssl('genpkey', ...options, '-out', made);
    openssl('pkey', '-in', made, '-pubout', '-out', `${made}.pub`);
    return made;
  };
  for (const options of [
    ['-algorithm', 'RSA'],
    ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'],
    ['-algorithm', 'X25519'],
  ]) {
    const made = generate(...options);
    const signing = await errorOf('sign', file(claims()), '--key', made);
    assert.deepEqual([signing.code, signing.message.startsWith(`${made}: `)], ['key-unsupported', true]);
    assert.match(signing.suggestion, /keygen/);
    assert.equal((await errorOf('verify', manifest, '--key', `${made}.pub`)).code, 'key-unsupported');
    assert.equal((await errorOf('verify', manifest, '--key', made)).code, 'key-is-private');
  }
  assert.equal((await errorOf('verify', manifest, '--key', key)).code, 'key-is-private');
  assert.equal((await errorOf('sign', file(claims()), '--key', pub)).code, 'key-is-public');

  const encrypted = newFile('encrypted');
  openssl('pkey', '-in', (await keyPair()).key, '-aes256', '-passout', 'pass:right', '-out', encrypted);
  assert.equal((await errorOf('verify', manifest, '--key', encrypted)).code, 'key-is-private');
  const wrong = await errorOf('sign', file(claims()), '--key', encrypted, '--passphrase-file', file('wrong'));
  assert.deepEqual([wrong.code, /passphrase/.test(wrong.message)], ['key-passphrase', true]);
});

test('a JWK whose halves do not belong together signs nothing', async () => {
  for (const algorithm of ['EdDSA', 'ES256']) {
    const pairs = [await keyPair('--format', 'jwk', '--algorithm', algorithm)];
    pairs.push(await keyPair('--format', 'jwk', '--algorithm', algorithm));
    const [one, two] = pairs.map(({ key }) => JSON.parse(readFileSync(key, 'utf8')));
    const mixed = await cli('sign', file(claims()), '--key', file({ ...one, d: two.d }), '--json');
    assert.deepEqual([mixed.code, mixed.json.error.code], [2, 'key-halves-differ'], algorithm);
  }
});

test('no output has anything of a private key, also when it cannot be read', async () => {
  const { key } = await keyPair('--format', 'jwk');
  const jwk = JSON.parse(readFileSync(key, 'utf8'));
  const secret = `Z${jwk.d.slice(1)}`; // a letter first: V8 then quotes what it stumbles over
  const broken = [`{"d":${secret}}`, `{"kty":"OKP","d":"${secret}",}`, `{"d":"${secret}" ${secret}}`];
  for (const text of [...broken, JSON.stringify({ ...jwk, d: 4242424242 })]) {
    for (const words of [
      ['sign', file(claims()), '--key', file(text)],
      ['verify', file('a.b.c'), '--key', file(text)],
    ]) {
      const { code, stdout, stderr } = await cli(...words);
      assert.equal(code, 2);
      assert.ok(
        ![secret.slice(0, 6), secret.slice(-6), '4242'].some((part) => (stdout + stderr).includes(part)),
      );
    }
  }
  for (const words of [
    ['sign', file(claims()), '--key', key],
    ['keygen', '--out', newFile('k'), '--format', 'jwk'],
  ]) {
    for (const more of [[], ['--json']]) {
      const out = words[0] === 'keygen' ? words.with(2, newFile('k')) : words;
      const { code, stdout, stderr } = await cli(...out, ...more);
      assert.equal(code, 0, stderr);
      assert.doesNotMatch(stdout + stderr, new RegExp(`PRIVATE|"d"|${jwk.d}`));
    }
  }
});

test('a public key that is none of the private key beside it is never written', async () => {
  const { key, pub } = await keyPair();
  rmSync(pub);
  const again = await cli('keygen', '--out', key, '--json');
  assert.deepEqual([again.code, again.json.error.code, existsSync(pub)], [2, 'file-exists', false]);
  const lonely = newFile('lonely');
  writeFileSync(`${lonely}.pub`, 'of another key');
  assert.equal((await cli('keygen', '--out', lonely)).code, 2);
  assert.equal(existsSync(lonely), false);
  assert.equal(readFileSync(`${lonely}.pub`, 'utf8'), 'of another key');
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.endsWith('.new')),
    [],
  );
});

test('a new key may be behind a passphrase from the start', async () => {
  const passphrase = file('correct horse\n');
  for (const algorithm of ['EdDSA', 'ES256']) {
    const { key, pub } = await keyPair('--algorithm', algorithm, '--passphrase-file', passphrase);
    assert.match(readFileSync(key, 'utf8'), /^-----BEGIN ENCRYPTED PRIVATE KEY-----/);
    const opened = execFileSync('openssl', ['pkey', '-in', key, '-passin', 'pass:correct horse', '-pubout']);
    assert.equal(opened.toString(), readFileSync(pub, 'utf8'));
    assert.equal((await verified(await signed(claims(), key, '--passphrase-file', passphrase), pub)).code, 0);
    const env = { SPKI_PINNING_PASSPHRASE: 'correct horse' };
    assert.equal((await runCli(['sign', file(claims()), '--key', key], { env })).code, 0);
  }
  const usage = async (...options: string[]) =>
    (await cli('keygen', '--out', newFile('k'), '--json', ...options)).json.error.code;
  assert.equal(await usage('--passphrase-file', passphrase, '--format', 'jwk'), 'usage');
  assert.equal(await usage('--passphrase-file', file('\n')), 'passphrase-empty');
});

test('what JSON says twice is not signed', async () => {
  const { key } = await keyPair();
  const [one, two] = [JSON.stringify(DOMAINS), JSON.stringify(DOMAINS['example.com'])];
  for (const [text, path] of [
    [`{"version":1,"version":9,"exp":${soon()},"domains":${one}}`, '/version'],
    [
      `{"version":1,"exp":${soon()},"domains":{"example.com":${two},"example.com":${two}}}`,
      '/domains/example.com',
    ],
  ] as const) {
    const { code, json } = await cli('sign', file(text), '--key', key, '--json');
    assert.equal(code, 1);
    const found = json.problems.filter((problem: { code: string }) => problem.code === 'duplicate-key');
    assert.deepEqual(
      found.map((problem: { path: string }) => problem.path),
      [path],
    );
  }
});

test('claims that name a private key, or the same key twice, are not signed', async () => {
  const { key, pub } = await keyPair('--format', 'jwk');
  const read = (path: string) => JSON.parse(readFileSync(path, 'utf8'));
  const codes = async (publicKeys: object[]) => {
    const { code, json } = await cli('sign', file(claims(1, { publicKeys })), '--key', key, '--json');
    assert.equal(code, 1);
    return json.problems
      .filter(({ severity }: { severity: string }) => severity === 'error')
      .map((problem: { code: string }) => problem.code);
  };
  assert.deepEqual(await codes([read(key)]), ['key-is-private']);
  assert.deepEqual(await codes([read(pub), read(pub)]), ['duplicate-key']);
});

test('warnings are said where the manifest goes to standard output too, beside it', async () => {
  const { key } = await keyPair();
  const far = claims(1, {
    exp: soon() + 400 * 86_400,
    domains: { 'example.com': { publicKeyHashes: [PIN] } },
  });
  const { code, stdout, stderr } = await cli('sign', file(far), '--key', key);
  assert.equal(code, 0);
  assert.match(stdout, /^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  assert.match(stderr, /no-backup-pin[\s\S]*warning \/exp manifest-long-lived: /);
  const json = await cli('sign', file(far), '--key', key, '--json');
  assert.deepEqual([json.json.problems.length, json.stderr], [2, '']);
});

test('the end may be given in days, the version in digits, standard output as -', async () => {
  const { key } = await keyPair();
  const { exp: _, ...endless } = claims();
  const outcome = await cli('sign', file(endless), '--key', key, '--days', '30', '--out', '-');
  const { iat = 0, exp = 0 } = jose.decodeJwt(outcome.stdout.trim());
  assert.equal(exp - iat, 30 * 86_400);
  for (const options of [
    ['--days', '30', '--expires', '2099-01-01'],
    ...['0', '-1', '1.5', 'x', '99999'].map((days) => [`--days=${days}`]),
    ...['0', '0x10', '1e3', '', '1.5', '-1', '9007199254740992'].map((version) => [
      `--manifest-version=${version}`,
    ]),
  ]) {
    const { code, json } = await cli('sign', file(claims()), '--key', key, '--json', ...options);
    assert.deepEqual([code, json.error?.code], [2, 'usage'], options.join(' '));
  }
  assert.equal((await cli('keygen', '--out', '-', '--json')).json.error.code, 'usage');
});

test('with a configuration it is that app which answers: its keys, its audience', async () => {
  const [one, two, stranger] = [await keyPair(), await keyPair('--format', 'jwk'), await keyPair()];
  const publicKeys = [readFileSync(one.pub, 'utf8'), JSON.parse(readFileSync(two.pub, 'utf8'))];
  const updates = { url: 'https://static.example.net/pins.jwt', publicKeys, audience: 'shop' };
  const config = file({ domains: DOMAINS, settings: { updates } });
  const forShop = claims(1, { aud: ['other', 'shop'] });
  for (const { key } of [one, two]) {
    const manifest = await signed(forShop, key, '--config', config);
    assert.equal((await cli('verify', file(manifest), '--config', config)).code, 0);
  }
  const refusal = async (content: object, key: string) => {
    const { code, json } = await cli('sign', file(content), '--key', key, '--config', config, '--json');
    assert.equal(code, 1);
    return json.error.code;
  };
  assert.equal(await refusal(claims(), one.key), 'manifest-audience');
  assert.equal(await refusal(claims(1, { aud: 'other' }), one.key), 'manifest-audience');
  assert.equal(await refusal(forShop, stranger.key), 'manifest-signature');

  const manifest = file(await signed(forShop, stranger.key));
  const ask = async (...options: string[]) => (await cli('verify', manifest, '--json', ...options)).json;
  assert.equal((await ask('--config', config)).code, 'manifest-signature');
  assert.equal((await ask('--config', config, '--key', stranger.pub)).code, 'ok', 'what is given goes first');
  assert.equal(
    (await ask('--config', config, '--key', stranger.pub, '--audience', 'x')).code,
    'manifest-audience',
  );
  assert.equal((await ask('--config', file({ domains: DOMAINS }))).error.code, 'usage');
});

test('a configuration that is wrong is no verdict on a manifest', async () => {
  const { key, pub } = await keyPair();
  const manifest = file(await signed(claims(), key));
  const config = file({ domains: { 'https://a.test': {} } });
  for (const words of [
    ['verify', manifest, '--key', pub],
    ['sign', file(claims()), '--key', key],
  ]) {
    const { code, json } = await cli(...words, '--config', config, '--json');
    assert.deepEqual([code, json.error.code], [2, 'config-invalid']);
    assert.match((await cli(...words, '--config', config)).stderr, /domain-is-url/);
  }
});

test('verify shows which pins are not enforced, and until when', async () => {
  const { key, pub } = await keyPair();
  const domains = {
    'example.com': { ...DOMAINS['example.com'], reportOnly: true, expirationDate: '2099-01-01' },
  };
  const { stdout } = await cli('verify', file(await signed(claims(1, { domains }), key)), '--key', pub);
  assert.match(stdout, /^ {2}example\.com, until 2099-01-01, report-only$/m);
});
