import assert from 'node:assert/strict';
import type { BackupResult, RestoreReport } from '../../model/operations.ts';
import { ClusterHouse } from './support/cluster-house.ts';

const KEYS = 2_000;

describe('A Redis in a pod', function () {
  this.timeout(300_000);
  let house: ClusterHouse;
  before(async () => {
    house = await ClusterHouse.open();
  });
  after(() => house?.[Symbol.asyncDispose]());

  const fill = () => house.ask('EVAL', "for i = 1, ARGV[1] do redis.call('SET', 'key:' .. i, i) end return 1", '0', String(KEYS));
  const left = () => {
    const { spec, metadata } =
      house.redis.namespace.get<{ spec: { replicas: number }; metadata: { annotations?: object } }>('statefulset', 'redis') ?? {};
    const pods = house.redis.namespace.kubectl(['get', 'pods', '-o', 'name']).trim().split('\n');
    return { replicas: spec?.replicas, kept: JSON.stringify(metadata?.annotations ?? {}).includes('redis-backup/'), pods };
  };

  it('is restored into its claim from a backup, and nothing of the operation is left in its namespace', async () => {
    await fill();
    const backup = (await house.execute('backupSnapshot', 'backup', {})) as BackupResult;
    assert.equal(backup.outcome === 'stored' && backup.backups[0]?.keys, KEYS);
    await house.ask('FLUSHALL');
    await house.ask('SET', 'later', '1');
    const uid = house.redis.pod()?.metadata.uid;
    const report = (await house.execute('restoreFromRdb', 'restore', {
      backupId: 'latest',
      strategy: 'replace',
      skipSafetySnapshot: true,
    })) as RestoreReport;
    assert.deepEqual([report.outcome, report.keysFound], ['restored', KEYS]);
    assert.deepEqual(
      [await house.ask('DBSIZE'), await house.ask('GET', 'key:7'), await house.ask('EXISTS', 'later')],
      [KEYS, '7', 0],
    );
    assert.notEqual(house.redis.pod()?.metadata.uid, uid);
    assert.deepEqual(left(), { replicas: 1, kept: false, pods: ['pod/redis-0'] });
  });
});
