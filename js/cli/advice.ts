import type { Description, ServedCertificate } from './addon.js';
import { lifetime, SHORT_LIVED_DAYS } from './certificates.js';
import { PROGRAM } from './command.js';
import { excerpt, paragraph, printable, type Style } from './output.js';
import { isPublicRoot } from './public-roots.js';

/**
 * What to paste for a live server, why, and what else to do before it ships.
 * @param isChosenTrust The user has said whom to trust.
 */
export function adviceForServer(
  host: string,
  chain: readonly ServedCertificate[],
  style: Style,
  isChosenTrust = false,
): string {
  const [leaf, ...issuers] = chain;
  if (leaf === undefined) return '';
  const days = lifetime(leaf);
  const shortLived = days !== null && days <= SHORT_LIVED_DAYS;
  const authority = issuers.find(({ role }) => role === 'intermediate') ?? issuers[0];
  const lines = [`'${leaf.pin}', // ${leaf.role}`];
  if (authority !== undefined)
    lines.push(`${shortLived ? '' : '// '}'${authority.pin}', // ${authority.role}`);
  lines.push('// and the pin of your backup key: see below');
  return [
    ...(isChosenTrust ? [] : [whoseKeys(host, chain, style), '']),
    style.bold('Paste this'),
    '',
    "  import { initializeSslPinning } from 'react-native-spki-pinning';",
    '',
    '  await initializeSslPinning({',
    `    '${host}': {`,
    '      publicKeyHashes: [',
    ...lines.map((line) => `        ${line}`),
    '      ],',
    '    },',
    '  });',
    '',
    ...(shortLived ? [shortLivedWarning(days, authority, style)] : whyTheLeaf(authority)),
    '',
    backupAdvice(style),
  ].join('\n');
}

/**
 * A proxy that opens TLS shows keys of its own, and a machine that has to live with it finds them valid. Pinned, they would keep
 * the app from the server and let the proxy in.
 */
function whoseKeys(host: string, chain: readonly ServedCertificate[], style: Style): string {
  const root = chain.find(({ role }) => role === 'root');
  const compare =
    'compare the pin of the leaf with that of the key or certificate on the server (hash --key, hash --cert), or with what ' +
    'another network shows.';
  if (root === undefined || isPublicRoot(root.pin)) {
    return paragraph(
      `These are the keys that this network has shown to this machine. Before you ship them, ${compare}`,
    );
  }
  const who = printable(excerpt(root.subject ?? root.pin));
  const text =
    `warning: this machine trusts ${who}, but browsers do not (it is not among Mozilla's roots). If it is of your company or ` +
    `of an antivirus program, these are not the keys of ${host}. Before you ship them, ${compare}`;
  return style.caution('warning: ') + paragraph(text).slice('warning: '.length);
}

function whyTheLeaf(authority: ServedCertificate | undefined): string[] {
  const leaf =
    'The pin of the leaf lets only this key in, and holds through every renewal that keeps the key.';
  if (authority === undefined) return [paragraph(leaf)];
  return [
    paragraph(leaf),
    paragraph(
      `If you do not control that key (a CDN, managed hosting), pin the ${authority.role} instead: then every ` +
        'certificate for this host that it issues passes, and the pin fails when the host changes its CA.',
    ),
  ];
}

function shortLivedWarning(days: number, authority: ServedCertificate | undefined, style: Style): string {
  const renewal =
    `this certificate lives ${days} days: it is renewed by a machine, and its pin fails with the first renewal ` +
    'that makes a new key. Have the renewal keep the key (certbot: `--reuse-key`).';
  const authorityToo =
    authority === undefined
      ? ''
      : ` Until that is sure, the ${authority.role} is pinned too; CAs change theirs as well, so add a backup pin.`;
  return (
    style.caution('warning: ') + paragraph(`warning: ${renewal}${authorityToo}`).slice('warning: '.length)
  );
}

/** What to do with the pins of a file of certificates. */
export function adviceForCertificates(certificates: readonly Description[], style: Style): string {
  const first = certificates[0]?.pin ?? '';
  const which = certificates.length > 1 ? 'To pin the first of them:' : 'To pin it:';
  return [
    style.bold(which),
    '',
    '  publicKeyHashes: [',
    `    '${first}',`,
    '    // and the pin of your backup key: see below',
    '  ],',
    '',
    backupAdvice(style),
  ].join('\n');
}

/** What to do with the pin of a key or signing request that is perhaps not in use yet. */
export function adviceForKeys(keys: readonly Description[]): string {
  const pins = keys.map(({ pin }) => `'${pin}'`).join(', ');
  return ['Add it to the pins of its domain, as a backup before the key is in use:', '', `  ${pins},`].join(
    '\n',
  );
}

function backupAdvice(style: Style): string {
  return [
    style.bold('Before you ship: a backup pin'),
    paragraph(
      'Make a spare key now, keep it away from the server, and pin it too. When the key in use is lost or replaced, ' +
        'the spare one takes over and no installed app is locked out.',
    ),
    '',
    '  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out backup.key',
    `  ${PROGRAM} hash --key backup.key`,
  ].join('\n');
}
