import { RecoveryError } from '../../model/errors.ts';

/** One level of a key: no dot in front (so neither `..` nor a store's own hidden files), nothing that a shell or URL bends. */
const SEGMENT = /^[A-Za-z0-9_][A-Za-z0-9._=+-]{0,199}$/;
const LONGEST_KEY = 900; // S3 allows 1024 bytes, the prefix of the store included

/**
 * Refuses what is no key of ours before it reaches a file system or a URL. Keys come from manifests too, and those are
 * never trusted: `../../etc/passwd` must end here.
 * @throws RecoveryError `INPUT_INVALID`
 */
export function checkKey(key: string): string {
  if (key.length <= LONGEST_KEY && key.split('/').every((segment) => SEGMENT.test(segment))) return key;
  throw invalid('key', key);
}

/** The same for a prefix: any beginning of a key, the empty one too. */
export function checkPrefix(prefix: string): string {
  const complete = prefix === '' || prefix.endsWith('/') ? `${prefix}x` : prefix;
  if (complete.length <= LONGEST_KEY && complete.split('/').every((segment) => SEGMENT.test(segment))) return prefix;
  throw invalid('prefix', prefix);
}

const invalid = (what: string, value: string): RecoveryError =>
  new RecoveryError('INPUT_INVALID', `${JSON.stringify(value.slice(0, 200))} is no ${what} of a repository`, {
    next: 'Use names of letters, digits, ".", "_" and "-", separated by "/"; a manifest that asks for another was tampered with.',
  });
