import type { ErrorCode } from '../../model/errors.ts';
import { type FaultProxy, PAGE, type Reply, type SeenRequest } from '../support/fault-proxy.ts';

const ALWAYS = Number.POSITIVE_INFINITY;
const XML = { 'content-type': 'application/xml' };

export const isPut = ({ method }: SeenRequest) => method === 'PUT';
export const isHead = ({ method }: SeenRequest) => method === 'HEAD';
const isPost = ({ method }: SeenRequest) => method === 'POST';
export const isComplete = ({ method, url }: SeenRequest) => method === 'POST' && url.includes('uploadId=');
export const isList = ({ url }: SeenRequest) => url.includes('list-type');
const isGet = (seen: SeenRequest) => seen.method === 'GET' && !isList(seen) && !isUploads(seen);
const isUploads = ({ method, url }: SeenRequest) => method === 'GET' && /[?&]uploads(=|&|$)/.test(url);
const isDelete = ({ method }: SeenRequest) => method === 'DELETE';

/** What answers in place of a store, and is none. */
export const NO_ANSWERS: Record<string, Reply> = {
  'a page with 200': PAGE,
  'a page that is no XML': { ...PAGE, body: '<html><br><p>maintenance' },
  'a page with 404': { ...PAGE, status: 404 },
  'a page with 404 that says it is XML': { status: 404, headers: { 'content-type': 'application/xml' }, body: '<gone/>' },
  'a redirect to a page': { status: 302, headers: { location: 'http://127.0.0.1/login' }, body: '' },
  'nothing with 200': { status: 200, headers: {}, body: '' },
  'JSON with 200': { status: 200, headers: { 'content-type': 'application/json' }, body: '{"status":"ok"}' },
  'a static file of a web server': {
    ...PAGE,
    headers: { ...PAGE.headers, etag: '"5f3c-1a"', 'last-modified': 'Sun, 29 Nov 2026 10:00:00 GMT' },
  },
};

/** What a store, or something before it, says that is not so. */
export interface Lie {
  tell(proxy: FaultProxy): void;
  /** What is said of it, wherever a promise is not kept. */
  refusedBy: readonly ErrorCode[];
  /** Who looks for what no answer shows: a job when it starts, or the sweep of what is left over. */
  isSeenBy?: 'start' | 'sweep';
  /** Nothing of it concerns objects that go in parts. */
  isOfListings?: true;
}

const answered = (reply: Reply, which?: (seen: SeenRequest) => boolean): Lie => ({
  tell: (proxy) => proxy.answerWith(reply, { ...(which ? { if: which } : {}), times: ALWAYS }),
  refusedBy: ['STORE_NOT_S3', 'STORE_UNPROVEN'],
});

const altered = (
  change: (reply: Reply, seen: SeenRequest) => Reply,
  which: (seen: SeenRequest) => boolean,
  ...refusedBy: ErrorCode[]
): Lie => ({ tell: (proxy) => proxy.alter(change, { if: which, times: ALWAYS }), refusedBy });

const lacks = (which: (seen: SeenRequest) => boolean): Lie => ({
  tell: (proxy) => proxy.answer(501, 'NotImplemented', { if: which, times: ALWAYS }),
  refusedBy: ['STORE_UNFIT'],
});

/** The listing with something put in, or taken out. */
const listing = (change: (body: string) => string, ...refusedBy: ErrorCode[]): Lie => ({
  ...altered((reply) => ({ ...reply, body: change(reply.body) }), isList, ...refusedBy),
  isOfListings: true,
});
const cut = (body: string, token: string): string =>
  body
    .replace(/<NextContinuationToken>.*?<\/NextContinuationToken>/, '')
    .replace(/<IsTruncated>.*?<\/IsTruncated>/, `<IsTruncated>true</IsTruncated>${token}`);
const token = (text: string): string => `<NextContinuationToken>${text}</NextContinuationToken>`;

const QUESTIONS = { PUT: isPut, POST: isPost, GET: isGet, HEAD: isHead, listing: isList };
const NOTHING: Reply = { status: 200, headers: {}, body: '' };

let pages = 0;

export const LIES: Record<string, Lie> = {
  ...Object.fromEntries(Object.entries(NO_ANSWERS).map(([what, reply]) => [what, answered(reply)])),
  ...Object.fromEntries(Object.entries(QUESTIONS).map(([what, which]) => [`a page to each ${what}`, answered(PAGE, which)])),
  'a page to each DELETE': { ...answered(PAGE, isDelete), isSeenBy: 'sweep' },
  'nothing to each DELETE': { ...answered(NOTHING, isDelete), isSeenBy: 'sweep' },
  'nothing to each GET': answered(NOTHING, isGet),
  'stored, and it is not': answered({ status: 200, headers: { etag: '"5d41402abc4b2a76b9719d911017c592"' }, body: '' }, isPut),
  'put together, and it is not': answered(
    {
      status: 200,
      headers: XML,
      body: '<CompleteMultipartUploadResult><ETag>opaque</ETag></CompleteMultipartUploadResult>',
    },
    isComplete,
  ),
  'other bytes than were sent': altered(
    (reply) => (reply.status === 200 ? { ...reply, headers: { etag: '"x"', 'x-amz-checksum-crc32': 'AAAAAA==' } } : reply),
    isPut,
    'OBJECT_CORRUPT',
  ),
  'all of an object where a part was asked for': altered(
    ({ headers: { 'content-range': _, ...headers }, body }) => ({ status: 200, headers, body }),
    (seen) => isGet(seen) && seen.headers.range !== undefined,
    'STORE_NOT_S3',
    'OBJECT_CORRUPT',
  ),
  'more to list, and not where': listing((body) => cut(body, ''), 'STORE_UNFIT'),
  'more to list, for ever the same': listing((body) => cut(body, token('t')), 'STORE_UNFIT'),
  'more to list, and new tokens for it': listing((body) => cut(body, token(`t${++pages}`)), 'STORE_UNFIT'),
  'keys that nobody asked for': listing((body) => body.replaceAll('<Key>', '<Key>elsewhere/'), 'STORE_NOT_S3'),
  'keys without their size': listing((body) => body.replace(/<Size>.*?<\/Size>/g, ''), 'STORE_NOT_S3'),
  'more unfinished uploads, for ever the same': altered(
    ({ status, headers }) => ({
      status,
      headers,
      body: '<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><NextKeyMarker>k</NextKeyMarker></ListMultipartUploadsResult>',
    }),
    isUploads,
    'STORE_UNFIT',
  ),
  'no If-None-Match': lacks(({ headers }) => headers['if-none-match'] !== undefined),
  'no checksum': lacks(({ headers }) => Object.keys(headers).some((name) => /^x-amz-(sdk-)?checksum/.test(name))),
  'stored, where the key is taken': {
    // The header is signed, so that no front can take it away: this one says what such a store would say.
    ...altered(
      (reply, { headers }) =>
        reply.status === 412
          ? { status: 200, headers: { etag: '"x"', 'x-amz-checksum-crc32': `${headers['x-amz-checksum-crc32']}` }, body: '' }
          : reply,
      isPut,
      'STORE_UNFIT',
    ),
    isSeenBy: 'start',
  },
};
