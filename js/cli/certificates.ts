import type { Described, Description } from './addon.js';
import { count, excerpt, printable, type Style, wrap } from './output.js';

/** A day in milliseconds. */
export const DAY_MS = 86_400_000;

/** Certificates that live no longer than this are renewed by machines, mostly with a new key each time. */
export const SHORT_LIVED_DAYS = 100;

/** As `hash --json` prints it: these members and no others. */
export function asJson({ pin, subject, issuer, notBefore, notAfter, keyAlgorithm }: Described): Description {
  return { pin, subject, issuer, notBefore, notAfter, keyAlgorithm };
}

/** A few lines about a certificate, key or request: who, by whom, until when, which key, which pin. */
export function describe(title: string, of: Description, style: Style, now = Date.now()): string {
  const rows: [string, string][] = [];
  if (of.issuer !== null) rows.push(['issuer', printable(excerpt(of.issuer))]);
  if (of.notBefore !== null && of.notAfter !== null)
    rows.push(['validity', validity(of.notBefore, of.notAfter, now)]);
  if (of.keyAlgorithm !== null) rows.push(['key', printable(of.keyAlgorithm)]);
  const lines = rows.map(([name, text]) => paragraphAt(name, text));
  lines.push(`  ${'pin'.padEnd(LABEL)}${style.bold(of.pin)}`);
  const subject = wrap(`${title.padEnd(LABEL + 2)}${printable(excerpt(of.subject ?? ''))}`, INDENT).join(
    '\n',
  );
  return [subject.trimEnd().replace(title, style.bold(title)), ...lines].join('\n');
}

const LABEL = 12;
const INDENT = ' '.repeat(LABEL + 2);

function paragraphAt(name: string, text: string): string {
  return wrap(`  ${name.padEnd(LABEL)}${text}`, INDENT).join('\n');
}

function validity(notBefore: string, notAfter: string, now: number): string {
  const left = (Date.parse(notAfter) - now) / DAY_MS;
  const until = Date.parse(notBefore) - now;
  const dates = `${notBefore.slice(0, 10)} to ${notAfter.slice(0, 10)}`;
  if (until > 0) return `${dates}, not valid yet`;
  if (left < 0) return `${dates}, expired ${count(Math.floor(-left), 'day')} ago`;
  return `${dates}, ${count(Math.floor(left), 'day')} left`;
}

/** How long a certificate lives in all, in days; null if that is unknown. */
export function lifetime({ notBefore, notAfter }: Description): number | null {
  if (notBefore === null || notAfter === null) return null;
  return Math.round((Date.parse(notAfter) - Date.parse(notBefore)) / DAY_MS);
}
