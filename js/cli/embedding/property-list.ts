/** A value of a property list in the form that Xcode writes projects in, and where it is in the text. */
export type Value = Text | List | Dictionary;

export interface Text {
  readonly kind: 'text';
  readonly text: string;
}

export interface List {
  readonly kind: 'list';
  readonly items: readonly Value[];
  /** Offset behind the opening parenthesis. */
  readonly start: number;
}

export interface Dictionary {
  readonly kind: 'dictionary';
  readonly entries: ReadonlyMap<string, Value>;
  /** Offset behind the opening brace. */
  readonly start: number;
}

const BLANK = /(?:\s|\/\*[\s\S]*?\*\/|\/\/[^\n]*)*/y;
const WORD = /[\w./$:+-]+/y;
const QUOTED = /"((?:[^"\\]|\\[\s\S])*)"/y;

/** Reads the old ASCII ("OpenStep") form, without `<data>`, which projects do not have. Throws a SyntaxError. */
export function parsePropertyList(source: string): Value {
  let at = 0;

  function skip(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = at;
    const match = pattern.exec(source);
    if (match !== null) at = pattern.lastIndex;
    return match;
  }

  function takes(character: string): boolean {
    skip(BLANK);
    if (source[at] !== character) return false;
    at += 1;
    return true;
  }

  function expect(character: string): void {
    if (takes(character)) return;
    const line = source.slice(0, at).split('\n').length;
    throw new SyntaxError(`line ${line}: expected ${character}`);
  }

  function value(): Value {
    if (takes('{')) return dictionary();
    if (takes('(')) return list();
    return { kind: 'text', text: text() };
  }

  function dictionary(): Dictionary {
    const start = at;
    const entries = new Map<string, Value>();
    while (!takes('}')) {
      const key = text();
      expect('=');
      entries.set(key, value());
      expect(';');
    }
    return { kind: 'dictionary', entries, start };
  }

  function list(): List {
    const start = at;
    const items: Value[] = [];
    while (!takes(')')) {
      items.push(value());
      if (takes(',')) continue;
      expect(')');
      break;
    }
    return { kind: 'list', items, start };
  }

  function text(): string {
    skip(BLANK);
    const quoted = skip(QUOTED)?.[1];
    if (quoted !== undefined) return quoted.replace(/\\([\s\S])/g, '$1');
    const word = skip(WORD)?.[0];
    if (word === undefined) expect('a word');
    return word ?? '';
  }

  const root = value();
  skip(BLANK);
  if (at < source.length) expect('the end');
  return root;
}
