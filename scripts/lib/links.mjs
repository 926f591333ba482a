// @ts-check
/** Relative links of Markdown files. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';

/**
 * The links of a file that lead nowhere: no such file, or no such heading in it.
 * @param {string} root
 * @param {string} file relative to the root
 * @returns {string[]} a line for each
 */
export function brokenLinks(root, file) {
  const text = withoutCode(readFileSync(join(root, file), 'utf8'));
  const links = [...text.matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)|^\[[^\]]+\]:\s*(\S+)/gm)];
  return links.flatMap(({ 1: inline, 2: reference }) => {
    const link = inline ?? reference ?? '';
    if (/^[a-z][a-z+.-]*:/i.test(link)) return []; // another place's business
    const [path, anchor] = decodeURI(link).split('#');
    const target = path === '' || path === undefined ? join(root, file) : join(root, dirname(file), path);
    if (!existsSync(target)) return [`${file}: ${link}: there is no such file`];
    if (anchor === undefined || extname(target) !== '.md' || anchors(target).has(anchor)) return [];
    return [`${file}: ${link}: there is no such heading`];
  });
}

/** @param {string} file */
function anchors(file) {
  const headings = withoutCode(readFileSync(file, 'utf8')).matchAll(/^#+\s+(.*?)\s*$/gm);
  /** @type {Map<string, number>} */
  const seen = new Map();
  return new Set(
    [...headings].map(([, heading = '']) => {
      const slug = heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .replace(/\s/g, '-');
      const times = seen.get(slug) ?? 0;
      seen.set(slug, times + 1);
      return times === 0 ? slug : `${slug}-${times}`;
    }),
  );
}

/**
 * Code blocks are no Markdown. In line, it is only their text that may not look like a link.
 * @param {string} text
 */
function withoutCode(text) {
  return text
    .replace(/^(```+|~~~+)[\s\S]*?^\1/gm, '')
    .replace(/`[^`\n]*`/g, (code) => code.replace(/[[\]()`]/g, ''));
}
