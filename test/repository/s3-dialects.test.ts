import { S3Store } from '../../repository/stores/s3.ts';
import { type FaultProxy, type Reply, type SeenRequest, startHttpFaultProxy } from '../support/fault-proxy.ts';
import { type S3Server, startS3 } from '../support/s3-server.ts';
import { itBehavesLikeAnObjectStore } from './object-store-conformance.ts';

const ALWAYS = Number.POSITIVE_INFINITY;
const isWrite = ({ method }: SeenRequest) => method === 'PUT' || method === 'POST';

/** Answers, without what a dialect does not say. */
const without =
  (...headers: string[]) =>
  (reply: Reply): Reply => ({
    ...reply,
    headers: Object.fromEntries(Object.entries(reply.headers).filter(([name]) => !headers.includes(name))),
    body: reply.body.replace(/<(Checksum\w+)>.*?<\/\1>/g, ''),
  });

describe('S3Store before a server', () => {
  let s3: S3Server;
  let proxy: FaultProxy;
  before(async () => {
    s3 = await startS3();
    proxy = await startHttpFaultProxy(s3.port);
  });
  after(async () => {
    await proxy.stop();
    await s3.stop();
  });
  const open = (dialect: object, lie: () => void) => async () => {
    lie();
    return new S3Store({ ...s3.location('some/prefix'), endpoint: proxy.endpoint, ...dialect });
  };

  describe('that says nothing of checksums, and that has MD5 for an ETag', () => {
    itBehavesLikeAnObjectStore(
      open({}, () => proxy.alter(without('x-amz-checksum-crc32', 'x-amz-checksum-type'), { if: isWrite, times: ALWAYS })),
      { listed: 5 },
    );
  });

  describe('whose answer to a write says nothing, and whose HEAD has the checksum', () => {
    const silent = (reply: Reply): Reply => {
      const { status, headers, body } = without('x-amz-checksum-crc32', 'x-amz-checksum-type')(reply);
      // The ETag of a part is needed to put them together: one that is no MD5 proves nothing.
      return {
        status,
        headers: { ...headers, etag: '"opaque"' },
        body: body.replace(/<ETag>.*?<\/ETag>/, '<ETag>opaque</ETag>'),
      };
    };
    const isPut = (seen: SeenRequest) => isWrite(seen) && !seen.url.includes('partNumber=');
    itBehavesLikeAnObjectStore(
      open({}, () => proxy.alter(silent, { if: isPut, times: ALWAYS })),
      { listed: 5 },
    );
  });

  describe('that knows neither CRC32 nor If-None-Match, with the settings for it', () => {
    const refused = ({ headers }: SeenRequest) =>
      headers['if-none-match'] !== undefined || Object.keys(headers).some((name) => /^x-amz-(sdk-)?checksum/.test(name));
    itBehavesLikeAnObjectStore(
      open({ conditionalPut: 'none', checksum: 'md5' }, () =>
        proxy.answer(501, 'NotImplemented', { if: refused, times: ALWAYS }),
      ),
      { withoutFence: true, listed: 5 },
    );
  });
});
