import { type ErrorCode, messageOf, RecoveryError } from '../../model/errors.ts';
import { inOurWords, type LibraryWords } from '../../model/library-words.ts';

/** Names of S3 errors, as AWS and the servers that speak its protocol answer them. */
const BY_NAME: Record<string, ErrorCode> = {
  NoSuchBucket: 'STORE_MISSING',
  NoSuchKey: 'OBJECT_MISSING',
  NotFound: 'OBJECT_MISSING',
  PreconditionFailed: 'OBJECT_EXISTS',
  AccessDenied: 'STORE_DENIED',
  InvalidAccessKeyId: 'STORE_DENIED',
  SignatureDoesNotMatch: 'STORE_DENIED',
  ExpiredToken: 'STORE_DENIED',
  InvalidToken: 'STORE_DENIED',
  AuthorizationHeaderMalformed: 'STORE_DENIED',
  PermanentRedirect: 'STORE_DENIED',
  RequestTimeTooSkewed: 'STORE_DENIED',
  CredentialsProviderError: 'STORE_DENIED',
  BadDigest: 'OBJECT_CORRUPT',
  InvalidDigest: 'OBJECT_CORRUPT',
  XAmzContentSHA256Mismatch: 'OBJECT_CORRUPT',
  XAmzContentChecksumMismatch: 'OBJECT_CORRUPT',
  QuotaExceeded: 'STORE_FULL',
  XMinioStorageFull: 'STORE_FULL',
  // These are over in a moment, though their status is of the 400s.
  ConditionalRequestConflict: 'STORE_UNREACHABLE',
  OperationAborted: 'STORE_UNREACHABLE',
  RequestTimeout: 'STORE_UNREACHABLE',
  IncompleteBody: 'STORE_UNREACHABLE',
  NoSuchUpload: 'STORE_UNREACHABLE', // its upload was swept, or its answer was lost: begin anew
  InvalidPart: 'STORE_UNPROVEN', // it has taken the part
  NotImplemented: 'STORE_UNFIT',
};

const BY_STATUS: Record<number, ErrorCode> = {
  301: 'STORE_DENIED',
  401: 'STORE_DENIED',
  403: 'STORE_DENIED',
  404: 'OBJECT_MISSING',
  408: 'STORE_UNREACHABLE',
  409: 'STORE_UNREACHABLE',
  412: 'OBJECT_EXISTS',
  429: 'STORE_UNREACHABLE',
  501: 'STORE_UNFIT',
  507: 'STORE_FULL',
};

const NEXT: Partial<Record<ErrorCode, string>> = {
  STORE_MISSING: 'Create the bucket, or correct its name, its region or the endpoint in the configuration.',
  STORE_DENIED:
    'Check the access key, the region and the clock of this machine; the user needs GetObject, PutObject, DeleteObject, ListBucket and AbortMultipartUpload.',
  STORE_UNREACHABLE: 'Check the endpoint and the network to the object store; the operation may be repeated.',
  STORE_FULL: 'Raise the quota, or let retention delete old backups; the backup that failed left nothing behind.',
  STORE_UNFIT:
    'Use a store that knows multipart uploads, CRC32 checksums and If-None-Match; `redis-backup check` says what this one lacks, and which setting helps.',
  OBJECT_MISSING: 'List what is there; it may have been deleted by retention or by hand.',
  OBJECT_EXISTS: 'Nothing was changed. Objects are never overwritten: take a new backup, it gets an id of its own.',
  STORE_UNPROVEN: 'Nothing counts as stored. Look what answers at the endpoint: it has taken a part, and does not have it.',
  OBJECT_CORRUPT: 'Repeat it; if it comes back, look for broken memory or a proxy that changes bytes.',
};

/**
 * Says in our words what the SDK or the socket threw.
 * @param where - for the message: the object or bucket, without credentials
 * @param secrets - cut out of the message, should a server repeat them
 */
export function s3Error(error: unknown, where: string, secrets: readonly string[] = []): RecoveryError {
  if (error instanceof RecoveryError) return error;
  const { name, status } = describe(error);
  const code = codeFor(error, name, status);
  const text = secrets.reduce((text, secret) => text.replaceAll(secret, '***'), messageOf(error));
  const said = inOurWords(text, OF_THE_SDK) ?? text;
  const what = [status, NAMELESS.has(name) ? undefined : name].filter(Boolean).join(' ');
  // The SDK's error isn't kept as the cause: it carries request and response, and those carry credentials.
  return new RecoveryError(code, `${where}: ${what ? `${what}: ` : ''}${said}`, { next: NEXT[code] ?? '' });
}

/** Names that say nothing. */
const NAMELESS = new Set(['Error', 'Unknown', 'UnknownError', 'TimeoutError']);

/** What the SDK says for its authors, and the sockets below it, as a person reads it. */
const OF_THE_SDK: LibraryWords = [
  [/^UnknownError$|^Unknown$/, 'it gave no reason'],
  [/Deserialization error|XML parse error/, 'its answer is no XML'],
  [/socket hang up|^aborted$|ECONNRESET|EPIPE/, 'the connection was closed before an answer came'],
  [/^Parse Error/, 'what answers there is no HTTP server'],
  [/EPROTO|SSL routines/, 'TLS failed: does that port speak TLS?'],
  [/timed out|TimeoutError|did not establish a connection|has not received any response|ETIMEDOUT/i, 'no answer came in time'],
];

/** The keys are refused, or what they may do. */
export const isStoreDenied = (error: unknown): boolean => error instanceof RecoveryError && error.code === 'STORE_DENIED';

/** HTTP status of an error that a server answered; undefined if nobody did. */
export const httpStatusOf = (error: unknown): number | undefined => describe(error).status;

function describe(error: unknown): { name: string; status?: number } {
  if (!(error instanceof Error)) return { name: '' };
  const metadata = (error as { $metadata?: { httpStatusCode?: number } }).$metadata;
  return { name: error.name, status: metadata?.httpStatusCode };
}

function codeFor(error: unknown, name: string, status?: number): ErrorCode {
  const known = BY_NAME[name] ?? (status === undefined ? undefined : BY_STATUS[status]);
  if (known) return known;
  if (/checksum mismatch/i.test(messageOf(error))) return 'OBJECT_CORRUPT'; // the SDK's own check of a body
  if (/region is missing/i.test(messageOf(error))) return 'STORE_DENIED';
  // 4xx that nobody foresaw: this server doesn't speak what we speak. Else a socket, a time-out, or a 5xx.
  return status !== undefined && status >= 400 && status < 500 ? 'STORE_UNFIT' : 'STORE_UNREACHABLE';
}
