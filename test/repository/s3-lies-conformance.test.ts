import assert from 'node:assert/strict';
import { hasCode } from '../../model/errors.ts';
import { Repository } from '../../repository/repository.ts';
import type { ObjectStore } from '../../repository/stores/object-store.ts';
import { S3Store } from '../../repository/stores/s3.ts';
import { type FaultProxy, startHttpFaultProxy } from '../support/fault-proxy.ts';
import { type S3Server, startS3 } from '../support/s3-server.ts';
import { itBehavesLikeAnObjectStore } from './object-store-conformance.ts';
import { LIES } from './s3-lies.ts';
import { Witness } from './witness.ts';

const LARGE = 6 * 1024 * 1024 + 4_321;
const TUNING = { partBytes: 5 * 1024 * 1024, idleMs: 1_500, connectMs: 500, retryForMs: 100 };

const LOOK = {
  start: (store: ObjectStore) => new Repository(store).requireFence(0),
  sweep: (store: ObjectStore) => store.sweepUnfinished('', Date.now() + 60_000),
};

describe('S3Store before what lies keeps its promise, or refuses by name', () => {
  let s3: S3Server;
  let honest: S3Store;
  before(async () => {
    s3 = await startS3();
    honest = new S3Store(s3.location('some/prefix'), TUNING);
  });
  after(async () => {
    honest.close();
    await s3.stop();
  });

  for (const [what, { tell, refusedBy, isSeenBy, isOfListings }] of Object.entries(LIES)) {
    describe(what, () => {
      let proxy: FaultProxy;
      let store: Witness;
      after(async () => {
        await proxy.stop();
        assert.notEqual(proxy.faultsDone, 0, 'it has lied');
      });
      const open = async () => {
        proxy = await startHttpFaultProxy(s3.port);
        tell(proxy);
        store = new Witness(new S3Store({ ...s3.location('some/prefix'), endpoint: proxy.endpoint }, TUNING), refusedBy);
        return store;
      };
      const judge = async (promise: () => Promise<void>) => {
        store.forget();
        const broken = await promise()
          .then(() => store.testify(honest))
          .then(
            () => undefined,
            (error: Error) => error,
          );
        if (!broken) return;
        if (store.hasRefused) return store.testify(honest);
        if (!isSeenBy) throw broken;
        await assert.rejects(LOOK[isSeenBy](store), (error) => hasCode(error, ...refusedBy));
      };
      itBehavesLikeAnObjectStore(open, { listed: 5, large: isOfListings ? 100_000 : LARGE, judge });
    });
  }
});
