import { createHash } from 'node:crypto';

/** The first field of a stored manifest, on a line of its own. */
const DIGEST_LINE = /^\{\n {2}"digest": "([0-9a-f]{64})",\n/;

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex');

/**
 * Puts a digest in front of all that is in an indented JSON object: the SHA-256 of the text as it was without it. It tells
 * damage, and an edit by somebody who does not know of it. It is no signature: whoever may write can make another.
 */
export const withDigest = (text: string): string => `{\n  "digest": "${digestOf(text)}",\n${text.slice('{\n'.length)}`;

/** What is wrong with the digest of a stored manifest; undefined for nothing. */
export function digestProblem(text: string): string | undefined {
  const [line, digest] = DIGEST_LINE.exec(text) ?? [];
  if (line === undefined) return 'has no digest on its second line';
  const rest = `{\n${text.slice(line.length)}`;
  return digestOf(rest) === digest ? undefined : 'has another digest than it says: it was changed after it was written';
}
