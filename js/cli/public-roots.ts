import { createHash, X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';

let pins: ReadonlySet<string> | null = null;

/** Whether a pin is that of a root that browsers trust, as far as this Node knows: it brings Mozilla's with it. */
export function isPublicRoot(pin: string): boolean {
  pins ??= new Set(rootCertificates.map(pinOf));
  return pins.has(pin);
}

function pinOf(pem: string): string {
  const spki = new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(spki).digest('base64');
}
