import { SyntaxKind } from 'typescript/unstable/ast';
import { createScanner } from 'typescript/unstable/ast/scanner';

export interface Token {
  kind: SyntaxKind;
  /** As it stands in the source; of a string literal, what it means. */
  text: string;
  line: number;
}

export interface Import {
  /** Undefined when it is computed, so that nobody can say what is imported. */
  from: string | undefined;
  typeOnly: boolean;
  line: number;
}

/** The tokens of a TypeScript source, without comments, by TypeScript's own scanner. */
export function tokensOf(source: string): Token[] {
  const scanner = createScanner(true, undefined, source);
  const tokens: Token[] = [];
  const braces: ('template' | 'block')[] = [];
  let line = 1;
  let counted = 0;
  for (let kind = scanner.scan(); kind !== SyntaxKind.EndOfFile; kind = scanner.scan()) {
    if (kind === SyntaxKind.OpenBraceToken) braces.push('block');
    else if (kind === SyntaxKind.TemplateHead) braces.push('template');
    else if (kind === SyntaxKind.CloseBraceToken && braces.pop() === 'template') {
      kind = scanner.reScanTemplateToken(false);
      if (kind === SyntaxKind.TemplateMiddle) braces.push('template');
    } else if ((kind === SyntaxKind.SlashToken || kind === SyntaxKind.SlashEqualsToken) && !endsAnOperand(tokens.at(-1))) {
      kind = scanner.reScanSlashToken();
    }
    const start = scanner.getTokenStart();
    for (; counted < start; counted++) if (source.charCodeAt(counted) === 10) line += 1;
    tokens.push({ kind, text: kind === SyntaxKind.StringLiteral ? scanner.getTokenValue() : scanner.getTokenText(), line });
  }
  return tokens;
}

/** After an operand a slash divides, anywhere else it begins a regular expression. */
function endsAnOperand(token: Token | undefined): boolean {
  if (!token) return false;
  if (['return', 'typeof', 'case', 'in', 'of', 'await', 'yield', 'void', 'throw', 'new', 'else'].includes(token.text))
    return false;
  return /^[\w$)\]}`'"]/.test(token.text) || token.kind === SyntaxKind.StringLiteral || token.kind === SyntaxKind.TemplateTail;
}

/** Everything that a module imports: `import`, `export … from`, `import()`, `require()` and types by `import('…')`. */
export function importsOf(tokens: Token[]): Import[] {
  const found: Import[] = [];
  tokens.forEach(({ text, line, kind }, at) => {
    if (kind === SyntaxKind.StringLiteral || tokens[at - 1]?.text === '.') return;
    const [next, afterNext] = [tokens[at + 1], tokens[at + 2]];
    if ((text === 'import' || text === 'require') && next?.text === '(') {
      found.push({ from: afterNext?.kind === SyntaxKind.StringLiteral ? afterNext.text : undefined, typeOnly: false, line });
    } else if ((text === 'import' && next?.text !== '.') || (text === 'export' && /^([{*]|type)$/.test(next?.text ?? ''))) {
      const from = moduleOf(tokens, at + 1);
      if (from !== undefined) found.push({ from, typeOnly: next?.text === 'type' && afterNext?.text !== 'from', line });
    }
  });
  return found;
}

/** The string of `… from 'x'`, or of `import 'x'`; undefined for an `export` of what the module has itself. */
function moduleOf(tokens: Token[], from: number): string | undefined {
  let depth = 0;
  for (let at = from; at < tokens.length; at++) {
    const { text, kind } = tokens[at] as Token;
    if (kind === SyntaxKind.StringLiteral) return at === from || tokens[at - 1]?.text === 'from' ? text : undefined;
    if (text === '{') depth += 1;
    if (text === '}') depth -= 1;
    const wordOfAnImport = /^[\w$]+$/.test(text) || ['{', '}', ',', '*'].includes(text);
    if (!wordOfAnImport || (depth === 0 && /^(const|function|class|import|export)$/.test(text))) return undefined;
  }
  return undefined;
}
