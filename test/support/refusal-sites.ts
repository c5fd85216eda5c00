import { SyntaxKind } from 'typescript/unstable/ast';
import { ERRORS, type ErrorCode } from '../../model/errors.ts';
import { type Token, tokensOf } from './source-tokens.ts';

/** Where a refusal is made: in which declaration at the top of its file. */
export interface RefusalSite {
  code: ErrorCode;
  /** The function, class or constant. */
  name: string;
}

/** What makes one: each takes the code first. */
const MAKERS = ['RecoveryError', 'refuse', 'failure', 'notStopped'];

/** Every code that a source says in making a refusal. */
export function refusalSitesIn(source: string): RefusalSite[] {
  const tokens = tokensOf(source);
  const found: RefusalSite[] = [];
  let depth = 0;
  let name = '';
  tokens.forEach((token, at) => {
    depth += depthOf(token);
    if (depth === 0 && ['function', 'const', 'class'].includes(token.text) && tokens[at - 1]?.text !== 'as')
      name = tokens[at + 1]?.text ?? '';
    if (token.kind !== SyntaxKind.StringLiteral || !(token.text in ERRORS) || !isMade(tokens, at)) return;
    const code = token.text as ErrorCode;
    if (!found.some((one) => one.code === code && one.name === name)) found.push({ code, name });
  });
  return found;
}

function depthOf({ kind, text }: Token): number {
  if (kind === SyntaxKind.StringLiteral) return 0;
  if (['(', '[', '{'].includes(text) || kind === SyntaxKind.TemplateHead) return 1;
  return [')', ']', '}'].includes(text) || kind === SyntaxKind.TemplateTail ? -1 : 0;
}

/** Right behind the bracket of a maker, or as the code of an object that has one. */
function isMade(tokens: readonly Token[], at: number): boolean {
  const [before, second] = [tokens[at - 1]?.text, tokens[at - 2]?.text ?? ''];
  return (before === '(' && MAKERS.includes(second)) || (before === ':' && second === 'code');
}
