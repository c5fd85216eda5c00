import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { Repository } from '../../repository/repository.ts';
import { S3Store } from '../../repository/stores/s3.ts';
import type { S3Tuning } from '../../repository/stores/s3-calls.ts';
import { type FaultProxy, PAGE, type Reply, type SeenRequest, startHttpFaultProxy } from '../support/fault-proxy.ts';
import { type S3Server, startS3 } from '../support/s3-server.ts';
import { bytes, collect, keysOf, refuses, text } from './bodies.ts';
import { isComplete, isHead, isList, isPut, NO_ANSWERS } from './s3-lies.ts';

const ALWAYS = Number.POSITIVE_INFINITY;
const MiB = 1024 * 1024;
const TUNING: Partial<S3Tuning> = { partBytes: 5 * MiB, idleMs: 1_500, connectMs: 500, retryForMs: 100 };
const large = randomBytes(6 * MiB);

describe('What is no answer of S3', () => {
  let s3: S3Server;
  let proxy: FaultProxy;
  let store: S3Store;
  let prefix = 0;
  before(async () => {
    s3 = await startS3();
  });
  after(() => s3.stop());
  beforeEach(async () => {
    proxy = await startHttpFaultProxy(s3.port);
    store = new S3Store({ ...s3.location(`lies-${++prefix}`), endpoint: proxy.endpoint }, TUNING);
  });
  afterEach(async () => {
    store.close();
    await proxy.stop();
  });
  const honest = async <T>(ask: (store: S3Store) => Promise<T>): Promise<T> => {
    const direct = new S3Store(s3.location(`lies-${prefix}`), TUNING);
    return ask(direct).finally(() => direct.close());
  };

  for (const [what, reply] of Object.entries(NO_ANSWERS)) {
    it(`is an error by name, and neither an empty bucket nor a stored object: ${what}`, async () => {
      await honest((direct) => direct.put('a/x', bytes('there')));
      proxy.answerWith(reply, { times: ALWAYS });
      const questions: [string, () => Promise<unknown>][] = [
        ['probe', () => store.probe()],
        ['list', () => keysOf(store, '')],
        ['listNames', () => store.listNames('')],
        ['get', async () => collect(await store.get('a/x'))],
        ['get a part', async () => collect(await store.get('a/x', { offset: 2 }))],
        ['head', () => store.head('a/x')],
        ['put', () => store.put('a/y', bytes('mine'), { ifAbsent: true })],
        ['put in parts', () => store.put('a/z', bytes(large), { ifAbsent: true })],
        ['sweep', () => store.sweepUnfinished('', Date.now())],
      ];
      for (const [question, ask] of questions) await refuses(ask, 'STORE_NOT_S3', /no answer of S3/).catch(addText(question));
      await refuses(store.delete('a/x'), 'STORE_NOT_S3').catch(addText('delete'));
      assert.deepEqual(await honest((direct) => keysOf(direct, '')), ['a/x']);
    });
  }

  it('stands by its name in the middle of a read, and is over when the store is back', async () => {
    await store.put('a', bytes(large));
    const patient = new S3Store({ ...s3.location(`lies-${prefix}`), endpoint: proxy.endpoint }, { ...TUNING, retryForMs: 6_000 });
    proxy.answerWith(PAGE, { if: ({ headers }) => headers.range !== undefined && headers['if-match'] !== undefined, times: 2 });
    assert.ok(large.equals(await collect(await patient.get('a'))));
    patient.close();
  });

  it('is waited for by a write: what was acknowledged after it is there', async () => {
    const patient = new S3Store({ ...s3.location(`lies-${prefix}`), endpoint: proxy.endpoint }, { ...TUNING, retryForMs: 6_000 });
    proxy.answerWith(PAGE, { times: 3 });
    await patient.put('a', bytes('mine'), { ifAbsent: true });
    patient.close();
    assert.equal(await honest(async (direct) => text(await direct.get('a'))), 'mine');
  });

  describe('A write whose answer does not prove it', () => {
    const opaque = ({ status }: Reply): Reply => ({ status, headers: { etag: '"opaque"' }, body: '' });
    const DONE = '<CompleteMultipartUploadResult><ETag>opaque</ETag></CompleteMultipartUploadResult>';

    it('is no write where HEAD has nothing', async () => {
      proxy.answerWith(
        { status: 200, headers: { etag: '"5d41402abc4b2a76b9719d911017c592"' }, body: '' },
        { if: isPut, times: ALWAYS },
      );
      await refuses(store.put('a', bytes('mine'), { ifAbsent: true }), 'STORE_UNPROVEN', /not there/);
    });

    it('is no write where parts were taken and never put together', async () => {
      proxy.answerWith(
        { status: 200, headers: { 'content-type': 'application/xml' }, body: DONE },
        { if: isComplete, times: ALWAYS },
      );
      await refuses(store.put('a', bytes(large), { ifAbsent: true }), 'STORE_UNPROVEN', /not there/);
      assert.deepEqual(await store.sweepUnfinished('', Date.now() + 60_000, { dryRun: true }), []);
    });

    it('is no write where HEAD has other bytes, or as many', async () => {
      await honest((direct) => direct.put('a', bytes('other')));
      proxy.answerWith(opaque(PAGE), { if: isPut, times: ALWAYS });
      await refuses(store.put('a', bytes('mine')), 'STORE_UNPROVEN', /HEAD says 5 bytes, 4 were sent/);
      await refuses(store.put('a', bytes('mines')), 'OBJECT_CORRUPT', /has the checksum/);
      const silent = ({ status, headers }: Reply): Reply => {
        const { 'x-amz-checksum-crc32': _, ...rest } = headers;
        return { status, headers: rest, body: '' };
      };
      proxy.alter(silent, { if: isHead, times: ALWAYS });
      await refuses(store.put('a', bytes('mines')), 'STORE_UNPROVEN', /neither a checksum nor the ETag/);
      assert.equal(await text(await store.get('a')), 'other');
    });

    it('is one where HEAD has the bytes, and only then costs a HEAD', async () => {
      await store.put('proven', bytes('mine'), { ifAbsent: true });
      await store.put('in-parts', bytes(large), { ifAbsent: true });
      assert.equal(proxy.requests.filter(isHead).length, 0);
      proxy.alter(opaque, { if: isPut });
      await store.put('a', bytes('mine'), { ifAbsent: true });
      assert.equal(proxy.requests.filter(isHead).length, 1);
    });
  });

  describe('A listing', () => {
    const listing = (inner: string, truncated: boolean): Reply => ({
      status: 200,
      headers: { 'content-type': 'application/xml' },
      body: `<ListBucketResult><Name>b</Name><IsTruncated>${truncated}</IsTruncated>${inner}</ListBucketResult>`,
    });
    const entry = (key: string) =>
      `<Contents><Key>lies-${prefix}/${key}</Key><LastModified>2026-11-29T10:00:00Z</LastModified><Size>1</Size></Contents>`;
    const token = (text: string) => `<NextContinuationToken>${text}</NextContinuationToken>`;
    const refusedBy = async (message: RegExp) => {
      await refuses(keysOf(store, ''), 'STORE_UNFIT', message);
    };

    it('that is cut and does not say where it goes on is refused', async () => {
      proxy.answerWith(listing(entry('a'), true), { if: isList, times: ALWAYS });
      await refusedBy(/not where/);
      await refuses(store.listNames(''), 'STORE_UNFIT', /not where/);
    });

    it('that leads to the same page for ever is refused', async () => {
      proxy.answerWith(listing(token('t'), true), { if: isList, times: ALWAYS });
      await refusedBy(/same page/);
    });

    it('that has the same keys under other tokens, or goes on empty, is refused', async () => {
      let page = 0;
      let inner = () => entry('a');
      proxy.alter(() => listing(inner() + token(`t${++page}`), true), { if: isList, times: ALWAYS });
      await refusedBy(/goes back/);
      inner = () => '';
      await refusedBy(/empty pages/);
    });

    it('of keys that nobody asked for, or without their size, is no listing', async () => {
      proxy.alter(() => listing('<Contents><Key>elsewhere/a</Key><Size>1</Size></Contents>', false), { if: isList });
      await refuses(keysOf(store, ''), 'STORE_NOT_S3');
      proxy.alter(() => listing(`<Contents><Key>lies-${prefix}/a</Key></Contents>`, false), { if: isList });
      await refuses(keysOf(store, ''), 'STORE_NOT_S3', /size/);
    });

    it('of unfinished uploads that goes round is refused, too', async () => {
      const uploads =
        '<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><NextKeyMarker>k</NextKeyMarker></ListMultipartUploadsResult>';
      proxy.answerWith({ status: 200, headers: { 'content-type': 'application/xml' }, body: uploads }, { times: ALWAYS });
      await refuses(store.sweepUnfinished('', 0), 'STORE_UNFIT', /same page/);
    });
  });

  describe('A store that lacks what jobs lean on is refused when they start, and the setting that helps is named', () => {
    const has = (name: RegExp) => (seen: SeenRequest) => Object.keys(seen.headers).some((header) => name.test(header));
    const isFenced = has(/^if-none-match$/);
    const isSummed = has(/^x-amz-(sdk-)?checksum/);
    const WANTS: [string, (seen: SeenRequest) => boolean, [number, string], RegExp][] = [
      ['If-None-Match', isFenced, [501, 'NotImplemented'], /Set repository\.conditionalPut: none: for snapshots only/],
      ['CRC32', isSummed, [501, 'NotImplemented'], /Set repository\.checksum: md5\.$/],
      [
        'CRC32, and nothing but SHA-256',
        (seen) => !has(/checksum-sha256$/)(seen),
        [400, 'InvalidRequest'],
        /Set repository\.checksum: sha256\.$/,
      ],
      [
        'either',
        (seen) => isFenced(seen) || isSummed(seen),
        [501, 'NotImplemented'],
        /Set repository\.checksum: md5 and repository\.conditionalPut: none: for/,
      ],
    ];
    for (const [what, which, [status, code], next] of WANTS) {
      it(`knows not ${what}`, async () => {
        proxy.answer(status, code, { if: (seen) => isPut(seen) && which(seen), times: ALWAYS });
        const repository = new Repository(store);
        for (const ask of [() => repository.requireFence(0), () => repository.probeWritable()]) {
          assert.match((await refuses(ask, 'STORE_UNFIT')).next, next);
        }
        assert.deepEqual(await honest((direct) => keysOf(direct, '')), [], 'nothing is left over');
      });
    }

    it('ignores If-None-Match', async () => {
      // The header is signed, so that no front can take it away: this one says what such a store would say.
      const etag = `"${createHash('md5').update('other').digest('hex')}"`;
      proxy.alter((reply) => (reply.status === 412 ? { status: 200, headers: { etag }, body: '' } : reply), {
        if: isPut,
        times: ALWAYS,
      });
      const error = await refuses(new Repository(store).requireFence(0), 'STORE_UNFIT', /overwrites in spite of/);
      assert.match(error.next, /conditionalPut: none, for snapshots only/);
    });

    it('is asked once an hour, and again after it has failed', async () => {
      const repository = new Repository(store);
      proxy.answer(501, 'NotImplemented', { if: isPut, times: 8 });
      await refuses(repository.requireFence(0), 'STORE_UNFIT');
      await repository.requireFence(1).catch(() => undefined);
      await repository.requireFence(2);
      const asked = proxy.requests.length;
      await repository.requireFence(3_000_000);
      assert.equal(proxy.requests.length, asked);
      await repository.requireFence(3_600_002);
      assert.ok(proxy.requests.length > asked);
    });
  });

  it('refuses the beginning of an object where a later part was asked for', async () => {
    await store.put('a', bytes('0123456789'));
    proxy.alter(({ headers: { 'content-range': _, ...headers } }) => ({ status: 200, headers, body: '0123456789' }));
    await refuses(store.get('a', { offset: 5 }), 'STORE_NOT_S3', /all of it/);
  });
});

const addText = (question: string) => (error: Error) => {
  error.message = `${question}: ${error.message}`;
  throw error;
};
