import { createHash } from 'node:crypto';
import type { z } from 'zod';
import { requireReadable } from './readable.ts';

/** The first field of a stored document, on a line of its own. */
const DIGEST_LINE = /^\{\n {2}"digest": "([0-9a-f]{64})",\n/;

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex');

/**
 * Puts a digest in front of all that is in an indented JSON object: the SHA-256 of the text as it was without it. It tells
 * damage, and an edit by somebody who does not know of it. It is no signature: whoever may write can make another.
 */
export const withDigest = (text: string): string => `{\n  "digest": "${digestOf(text)}",\n${text.slice('{\n'.length)}`;

/** As every document of a repository is stored: indented, because people read it, and its digest first. */
export const formatStored = (document: object): string => withDigest(`${JSON.stringify(document, null, 2)}\n`);

/** It is of the text, and no part of what the text says. */
export function withoutDigest(json: unknown): unknown {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return json;
  const { digest: _, ...rest } = json as Record<string, unknown>;
  return rest;
}

/** What a small document says. @throws Error, in words, for one that is not as it was written */
export function parseStored<T>(schema: z.ZodType<T>, text: string): T {
  const json: unknown = JSON.parse(text);
  requireReadable(json, 1, 'it');
  const { success, data, error } = schema.safeParse(withoutDigest(json));
  if (!success) throw new Error(`it has a wrong ${error.issues[0]?.path.join('.') || 'form'}: ${error.issues[0]?.message}`);
  const problem = digestProblem(text);
  if (problem !== undefined) throw new Error(`it ${problem}`);
  return data;
}

/** What is wrong with the digest of a stored document; undefined for nothing. */
export function digestProblem(text: string): string | undefined {
  const [line, digest] = DIGEST_LINE.exec(text) ?? [];
  if (line === undefined) return 'has no digest on its second line';
  const rest = `{\n${text.slice(line.length)}`;
  return digestOf(rest) === digest ? undefined : 'has another digest than it says: it was changed after it was written';
}
