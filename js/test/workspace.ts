import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';

/** A directory that is gone after the tests of the file, with what openssl and the tests put there. */
export class Workspace {
  readonly directory = mkdtempSync(join(tmpdir(), 'spki-cli-'));

  constructor() {
    after(() => rmSync(this.directory, { recursive: true, force: true }));
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  write(name: string, content: string | Buffer): string {
    writeFileSync(this.path(name), content);
    return this.path(name);
  }

  /** Runs openssl in the directory; `input` is its standard input. */
  openssl(command: string, input: string | Buffer = ''): Buffer {
    const args = command.split(' ');
    return execFileSync('openssl', args, { cwd: this.directory, input, stdio: ['pipe', 'pipe', 'pipe'] });
  }

  /** A self-signed certificate of a new P-256 key in NAME.pem and NAME.key. */
  certificate(name: string, subject = `/CN=${name}`): string {
    const key = `-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ${name}.key`;
    this.openssl(`req -x509 ${key} -subj ${subject} -days 30 -out ${name}.pem`);
    return this.path(`${name}.pem`);
  }

  /** What the pipeline of openssl commands that `hash` replaces prints. */
  pinOfCertificate(pem: string): string {
    return this.pinOfPublicKey(this.openssl('x509 -noout -pubkey', pem));
  }

  pinOfPublicKey(pem: string | Buffer): string {
    const der = this.openssl('pkey -pubin -outform der', pem);
    return this.openssl('dgst -sha256 -binary', der).toString('base64');
  }
}
