// @ts-check
/** docs/api.md, out of the types and their comments. */
import { join } from 'node:path';
import ts from 'typescript';
import { ROOT } from './run.mjs';

/** Where the page is. */
export const API_PAGE = 'docs/api.md';

/** What is imported from where, and the file in which that begins. */
const ENTRIES = [
  {
    title: 'react-native-spki-pinning',
    file: 'js/src/index.ts',
    about: 'In React Native. In Node and on the web the same, but for the hook.',
  },
  {
    title: 'react-native-spki-pinning/jest',
    file: 'js/jest/index.ts',
    about:
      'The mock for Jest: all of the above, and what tests drive it by. `react-native-spki-pinning/jest/setup` in ' +
      '`setupFiles` puts it in place.',
  },
  {
    title: 'The Expo config plugin',
    file: 'js/expo/options.ts',
    about: 'What `["react-native-spki-pinning", { … }]` takes among the `plugins` of an app configuration.',
    only: ['SslPinningPluginOptions', 'NativeLayerOptions'],
  },
];

const HEAD = `# API reference

Made from the types in \`js/src\` and their comments by \`node scripts/api.mjs\`; a test fails if it is out of date. The
[README](../README.md#api) has the short of it.
`;

/**
 * The page as it should be.
 * @returns {string}
 */
export function apiReference() {
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), ts.sys.readFile);
  const { tsBuildInfoFile: _, ...options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT).options;
  const program = ts.createProgram(
    ENTRIES.map(({ file }) => join(ROOT, file)),
    { ...options, incremental: false },
  );
  const checker = program.getTypeChecker();
  /** @type {Set<string>} */
  const described = new Set();
  const parts = ENTRIES.map(({ title, file, about, only }) => {
    const source = program.getSourceFile(join(ROOT, file));
    const module = source && checker.getSymbolAtLocation(source);
    if (!module) throw new Error(`${file} exports nothing`);
    const symbols = checker
      .getExportsOfModule(module)
      .map((symbol) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol))
      .filter(({ name }) => !described.has(name) && (only?.includes(name) ?? true));
    symbols.forEach(({ name }) => {
      described.add(name);
    });
    return [`## ${title}`, about, ...inOrder(symbols).map((symbol) => section(symbol, checker))].join('\n\n');
  });
  return linked(`${HEAD}\n${parts.join('\n\n')}\n`, described);
}

/**
 * Functions, then errors, then types; each as the alphabet has them.
 * @param {readonly ts.Symbol[]} symbols
 */
function inOrder(symbols) {
  const rank = (/** @type {ts.Symbol} */ { flags }) =>
    flags & ts.SymbolFlags.Class ? 1 : flags & (ts.SymbolFlags.Function | ts.SymbolFlags.Variable) ? 0 : 2;
  return [...symbols].sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name, 'en'));
}

/**
 * @param {ts.Symbol} symbol
 * @param {ts.TypeChecker} checker
 */
function section(symbol, checker) {
  const declaration = declarationOf(symbol);
  const parts = [`### ${symbol.name}`];
  for (const signature of signaturesOf(declaration, checker)) {
    parts.push(`\`\`\`text\n${symbol.name}${signature}\n\`\`\``);
  }
  const described = whereDescribed(symbol, checker);
  parts.push(commentOf(described, checker));
  const tags = described
    .getJsDocTags(checker)
    .map(({ name, text }) => ({ name, text: ts.displayPartsToString(text) }));
  for (const { name, text } of tags) {
    const [first = '', ...words] = text.split(' ');
    const rest = words.join(' ').replace(/^-? */, '');
    if (name === 'param') parts.push(`- \`${first}\`: ${inLine(rest)}`);
    if (name === 'returns') parts.push(`Returns ${inLine(text.charAt(0).toLowerCase() + text.slice(1))}`);
    if (name === 'throws') {
      const how = rest.startsWith('(rejection)') ? 'Rejects' : 'Throws';
      parts.push(`- ${how} with \`${first}\` ${inLine(rest.replace('(rejection)', ''))}`);
    }
  }
  if (!isFunction(declaration)) parts.push(members(declaration, checker));
  return parts
    .filter(Boolean)
    .join('\n\n')
    .replace(/(^- .*)\n\n(?=- )/gm, '$1\n');
}

/** @param {ts.Node} declaration */
function isFunction(declaration) {
  return ts.isFunctionDeclaration(declaration) || ts.isVariableDeclaration(declaration);
}

/**
 * How a function is called.
 * @param {ts.Declaration} declaration
 * @param {ts.TypeChecker} checker
 */
function signaturesOf(declaration, checker) {
  if (!isFunction(declaration)) return [];
  const signatures = checker.getTypeAtLocation(declaration).getCallSignatures();
  return signatures.map((each) =>
    checker.signatureToString(each, declaration, ts.TypeFormatFlags.NoTruncation),
  );
}

/**
 * The entry for React Native has a function that differs from the one of `api.ts` in its type alone.
 * @param {ts.Symbol} symbol
 * @param {ts.TypeChecker} checker
 */
function whereDescribed(symbol, checker) {
  const source = declarationOf(symbol).getSourceFile();
  if (!commentOf(symbol, checker).startsWith('As in `api.ts`')) return symbol;
  const imported = source.statements.filter(ts.isImportDeclaration).find(({ moduleSpecifier }) => {
    return ts.isStringLiteral(moduleSpecifier) && moduleSpecifier.text === './api.js';
  });
  const api = imported && checker.getSymbolAtLocation(imported.moduleSpecifier);
  return (api && checker.tryGetMemberInModuleExports(symbol.name, api)) ?? symbol;
}

/**
 * @param {ts.Symbol} symbol
 * @returns {ts.Declaration}
 */
function declarationOf(symbol) {
  const declaration = symbol.declarations?.[0];
  if (!declaration) throw new Error(`${symbol.name} is declared nowhere`);
  return declaration;
}

/**
 * A table of the members of a type; the type itself if it has none.
 * @param {ts.Declaration} declaration
 * @param {ts.TypeChecker} checker
 */
function members(declaration, checker) {
  const rows = rowsOf(checker.getTypeAtLocation(declaration), '', checker);
  const isCallback = ts.isTypeAliasDeclaration(declaration) && ts.isFunctionTypeNode(declaration.type);
  if (rows.length > 0 && !isCallback)
    return ['| member | type | |', '| --- | --- | --- |', ...rows].join('\n');
  return ts.isTypeAliasDeclaration(declaration) ? `\`\`\`text\n${declaration.type.getText()}\n\`\`\`` : '';
}

/**
 * @param {ts.Type} type
 * @param {string} path of the object in which the members are
 * @param {ts.TypeChecker} checker
 * @returns {string[]}
 */
function rowsOf(type, path, checker) {
  return checker.getPropertiesOfType(type).flatMap((property) => {
    const [declaration] = (property.declarations ?? []).filter(isOurs);
    if (
      !declaration ||
      !(
        ts.isPropertySignature(declaration) ||
        ts.isPropertyDeclaration(declaration) ||
        ts.isMethodSignature(declaration)
      )
    ) {
      return [];
    }
    const isOptional = (property.flags & ts.SymbolFlags.Optional) !== 0;
    const name = `${path}${property.name}${isOptional ? '?' : ''}`;
    const written = declaration.type;
    const nested =
      written && ts.isTypeLiteralNode(written)
        ? rowsOf(checker.getTypeAtLocation(written), `${path}${property.name}.`, checker)
        : [];
    const printed = ts.isMethodSignature(declaration)
      ? `() => ${written?.getText()}`
      : nested.length > 0
        ? 'object'
        : (written?.getText() ?? checker.typeToString(checker.getTypeOfSymbol(property)));
    const defaults = property.getJsDocTags(checker).filter((tag) => tag.name === 'default');
    const byDefault = defaults.map(({ text }) => ` Default: \`${ts.displayPartsToString(text)}\`.`).join('');
    const comment = commentOf(property, checker) || commentOf(undefined, checker, property.declarations);
    return [
      `| \`${name}\` | \`${printed.replace(/\s+/g, ' ').replaceAll('|', '\\|')}\` | ${inLine(comment).replaceAll('|', '\\|')}${byDefault} |`,
      ...nested,
    ];
  });
}

/** @param {ts.Node} node */
function isOurs(node) {
  return !node.getSourceFile().fileName.includes('/node_modules/');
}

/**
 * @param {ts.Symbol | undefined} symbol
 * @param {ts.TypeChecker} checker
 * @param {readonly ts.Declaration[]} declarations
 * @returns {string}
 */
function commentOf(symbol, checker, declarations = []) {
  if (symbol) return ts.displayPartsToString(symbol.getDocumentationComment(checker)).trim();
  return (
    declarations
      .map((each) => ts.getTextOfJSDocComment(ts.getJSDocCommentsAndTags(each)[0]?.comment) ?? '')
      .find(Boolean) ?? ''
  );
}

/** @param {string} text */
function inLine(text) {
  return text.replace(/\s+/g, ' ').trim();
}

/**
 * With links where the types are named.
 * @param {string} page
 * @param {ReadonlySet<string>} names
 */
function linked(page, names) {
  const link = (/** @type {string} */ name) => `[\`${name}\`](#${name.toLowerCase()})`;
  return page
    .replace(/\{@link (\w+)\}/g, (_, name) => (names.has(name) ? link(name) : `\`${name}\``))
    .replace(/^(- (?:Rejects|Throws) with )`(\w+)`/gm, (all, before, name) =>
      names.has(name) ? before + link(name) : all,
    );
}
