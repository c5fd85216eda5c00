import type { z } from 'zod';
import { NAME_ALLOWED, SECRET_ALLOWED } from './fields.ts';
import { suggest } from './suggest.ts';
import { knownFields, literalOf, schemaAt, unwrap, variantsOf } from './walk.ts';

/** One thing wrong in the file. */
export interface Problem {
  path: readonly PropertyKey[];
  /** Goes on after the path: `is "6 hours"; allowed: …`. */
  message: string;
}

export type Find = (path: Problem['path'], message: string) => void;

const NOT_YET: Readonly<Record<string, string>> = {
  docker: 'docker is not supported in this version',
  kubernetes: 'kubernetes is not supported in this version',
};

const valueAt = (data: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>(
    (at, key) => (typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[key] : undefined),
    data,
  );

/** A value as it may be shown: short, and never a password that stands in a URL. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  const short = text.length > 80 ? `${text.slice(0, 77)}…` : text;
  return short.replace(/(:\/\/)[^\s"]*@/g, '$1…@');
}

/** Turns what zod found into sentences. A field that holds a secret is never shown. */
export function problemsOf(root: z.ZodType, data: unknown, issues: readonly z.core.$ZodIssue[]): Problem[] {
  const problems = issues.flatMap((issue) => problemsOfIssue(root, data, issue));
  return problems.filter((problem, index) => problems.findIndex((other) => sameProblem(problem, other)) === index);
}

const sameProblem = (a: Problem, b: Problem) => a.message === b.message && a.path.join('\0') === b.path.join('\0');

function problemsOfIssue(root: z.ZodType, data: unknown, issue: z.core.$ZodIssue): Problem[] {
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownField(root, data, issue.path, key));
  if (issue.code === 'invalid_key') return [{ path: issue.path, message: `is not a name; allowed: ${NAME_ALLOWED}` }];
  if (issue.code === 'invalid_union' && issue.discriminator !== undefined) {
    const options = variantNames(root, data, issue.path);
    const value = valueAt(data, issue.path);
    const reason = NOT_YET[String(value)];
    return [
      {
        path: issue.path,
        message: `${value === undefined ? 'is missing' : `is ${shown(value)}`}${reason ? `: ${reason}` : ''}; allowed: ${options.join(' or ')}`,
      },
    ];
  }
  const path = nearestField(root, data, issue.path);
  const schema = schemaAt(root, path, data);
  const allowed = (schema && unwrap(schema).text?.allowed) ?? 'another value';
  const value = valueAt(data, path);
  if (value === undefined || value === null)
    return [{ path, message: `is ${value === null ? 'empty' : 'missing'}; allowed: ${allowed}` }];
  if (allowed === SECRET_ALLOWED) return [{ path, message: `is not a reference to a secret; allowed: ${allowed}` }];
  const reason = issue.code === 'custom' ? issue.params?.reason : undefined;
  const own = reason ? `: it ${reason}` : '';
  return [{ path, message: `is ${shown(value)}${own}; allowed: ${allowed}` }];
}

/** What `type` or `kind` may be in the section that this field stands in. */
function variantNames(root: z.ZodType, data: unknown, path: readonly PropertyKey[]): string[] {
  const section = schemaAt(root, path.slice(0, -1), data);
  return (section ? variantsOf(section) : []).map((variant) => literalOf(variant) ?? '');
}

/** An issue inside a value, such as the third entry of a list of texts, is told of the field that has the texts. */
function nearestField(root: z.ZodType, data: unknown, path: readonly PropertyKey[]): readonly PropertyKey[] {
  for (let length = path.length; length > 0; length--) {
    const schema = schemaAt(root, path.slice(0, length), data);
    if (schema && unwrap(schema).text) return path.slice(0, length);
  }
  return path;
}

function unknownField(root: z.ZodType, data: unknown, path: readonly PropertyKey[], key: string): Problem {
  const known = knownFields(root, path, data);
  const meant = suggest(key, known);
  const hint = meant ? `did you mean "${meant}"?` : `known: ${known.join(', ')}`;
  return { path: [...path, key], message: `is not a field; ${hint}` };
}
