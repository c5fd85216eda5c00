import type { S3Client } from '@aws-sdk/client-s3';
import { RecoveryError } from '../../model/errors.ts';

/** What every server gives in its answer. A page of a proxy, or of a wrong server, is read as an answer without fields. */
const REQUIRED: Record<string, readonly string[]> = {
  GetObjectCommand: ['ETag', 'ContentLength'],
  HeadObjectCommand: ['ETag', 'ContentLength', 'LastModified'],
  ListObjectsV2Command: ['IsTruncated'],
  ListMultipartUploadsCommand: ['IsTruncated'],
  CreateMultipartUploadCommand: ['UploadId'],
  UploadPartCommand: ['ETag'],
};

const HEAD = 'HeadObjectCommand';
/** A page with these says the same as S3 would: denied, or away for a moment. */
const SAYS_ITSELF = (status: number): boolean => status === 401 || status === 403 || status === 408 || status === 429;

interface Answer {
  statusCode: number;
  headers: Record<string, string>;
}

/**
 * Makes a client refuse what is no answer of S3: a maintenance page, a captive portal, another server at this address.
 * Otherwise a page is an empty bucket, an object that is not there, or a write that is stored.
 * @throws RecoveryError `STORE_NOT_S3`, from every call of the client
 */
export function requireS3Answers(client: S3Client, where: string): void {
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const command = context.commandName ?? '';
      try {
        const result = await next(args);
        const why = whyNoAnswer(command, result.response as Answer, result.output as object);
        if (why !== undefined) throw notS3(where, why);
        return result;
      } catch (error) {
        const why = whyNoError(command, error);
        throw why === undefined ? error : notS3(where, why);
      }
    },
    { step: 'deserialize', priority: 'high', name: 'requireS3Answers' },
  );
}

function whyNoAnswer(command: string, { statusCode, headers }: Answer, output: object): string | undefined {
  if (isPage(headers)) return pageText(command, statusCode);
  const missing = (REQUIRED[command] ?? []).filter((field) => (output as Record<string, unknown>)[field] === undefined);
  if (missing.length > 0) return `answered ${named(command)} with ${statusCode} and no ${missing.join(' and no ')}`;
  // What is left over is said to be removed by nobody else.
  if (command === 'AbortMultipartUploadCommand' && statusCode !== 204) return `answered ${named(command)} with ${statusCode}`;
  const length = Number(headers['content-length'] ?? 0);
  if (command === 'DeleteObjectCommand' && statusCode !== 204 && length > 0) return pageText(command, statusCode);
  return undefined;
}

/** An error of S3 has a code in XML; the answer to HEAD has no body, so there only its kind tells. */
function whyNoError(command: string, error: unknown): string | undefined {
  if (!(error instanceof Error) || error instanceof RecoveryError) return undefined;
  const { $metadata, $response } = error as { $metadata?: { httpStatusCode?: number }; $response?: Partial<Answer> };
  const status = $metadata?.httpStatusCode ?? $response?.statusCode;
  if (status === undefined || status >= 500 || SAYS_ITSELF(status)) return undefined;
  const isMissing = status === 404;
  if (command === HEAD && isMissing) return undefined; // whoever asks looks further
  if (isPage($response?.headers ?? {})) return pageText(command, status);
  if (status < 300) return `answered ${named(command)} with ${status} and what is no XML`;
  const hasCode = error.name !== 'NotFound' && error.name !== 'Unknown' && error.name !== 'UnknownError';
  if (!hasCode && (command !== HEAD || isOtherPlace(status)))
    return `answered ${named(command)} with ${status} and no error code`;
  return undefined;
}

/** S3 sends to another region by 301 and 307. A captive portal sends to its page. */
const isOtherPlace = (status: number): boolean => status >= 300 && status < 400 && status !== 301 && status !== 307;

const isPage = (headers: Record<string, string>): boolean => /\bhtml\b/i.test(headers['content-type'] ?? '');
const pageText = (command: string, status: number): string => `answered ${named(command)} with ${status} and a page`;
const named = (command: string): string => command.replace(/Command$/, '');

/** @param why - what it did, such as "answered GetObject with 200 and a page" */
export const notS3 = (where: string, why: string): RecoveryError =>
  new RecoveryError('STORE_NOT_S3', `${where}: what is at the endpoint ${why}: that is no answer of S3`, {
    next: 'Look what answers there: a maintenance page, a captive portal, another server, or a proxy that puts pages in place of answers.',
  });
