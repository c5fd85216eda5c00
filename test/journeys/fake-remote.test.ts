import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { AofBackupResult } from '../../model/backup/aof-backup.ts';
import type { RecoveryReport } from '../../model/recovery/recovery.ts';
import type { House } from '../support/house.ts';
import { RemoteRedis } from '../support/remote-redis.ts';
import { isKept, KEYS, SESSIONS, type Troubled } from '../support/troubled.ts';

describe('A Redis whose files only a helper reaches', function () {
  this.timeout(300_000);
  let remote: RemoteRedis;
  let redis: Troubled;
  let house: House;
  before(async () => {
    remote = await RemoteRedis.open();
    redis = remote.troubled;
    house = remote.house;
  });
  after(() => remote?.close());
  beforeEach(() => redis.stand({ config: { appendonly: 'yes' } }));

  it('is restored, and nobody is in its files when it is started and when all is over', async () => {
    await remote.startWorkers();
    await remote.standOldData();
    const { keysFound, warnings } = await house.restore();
    assert.equal(keysFound, KEYS);
    assert.equal(await house.ask('DBSIZE'), KEYS);
    assert.equal(remote.isOpen(), false);
    assert.match(warnings.join('\n'), /could not be proved that the Redis which answers for main is the one/);
  });

  it('is only looked at by a plan, and left afterwards', async () => {
    await house.restore({ planOnly: true });
    assert.equal(remote.isOpen(), false);
    assert.equal(await house.ask('DBSIZE'), KEYS);
  });

  it('is backed up by what it writes beside its data, and by its log, which are where only the helper has them', async () => {
    await house.reconfigure(({ instances }) => Object.assign(instances.main ?? {}, { backup: { method: 'bgsave' } }));
    try {
      const snapshot = await house.backup();
      assert.equal(snapshot.outcome === 'stored' && snapshot.backups[0]?.keys, KEYS);
      const options = { workflowId: 'backup-aof/main', taskQueue: 'redis-ops', args: [{ instance: 'main' }] };
      const { outcome } = (await house.client.workflow.execute('backupAof', options)) as AofBackupResult;
      assert.equal(outcome, 'stored');
      assert.equal(remote.isOpen(), false);
    } finally {
      await house.reconfigure(({ instances }) => delete instances.main?.backup);
    }
  });

  it('is restored by another helper when one dies in the middle', async () => {
    await remote.standOldData();
    await remote.startWorkers('after:replaceData');
    assert.equal((await house.restore()).keysFound, KEYS);
    assert.equal(remote.hasMet(), true);
  });

  it('serves again after its log was damaged, with the damaged files kept, and its sessions back', async () => {
    await remote.startWorkers();
    const files = await redis.cutLog();
    const running = await redis.start({ onDamage: 'serve-empty' });
    await redis.answer(/session/);
    const report = (await running.result()) as RecoveryReport;
    assert.equal(report.outcome, 'serving', report.summary);
    assert.equal(report.restored?.[0]?.restored, SESSIONS);
    assert.ok(isKept(files, join(redis.dir, '.redis-backup')), 'the damaged files are kept');
    assert.equal(remote.isOpen(), false);
  });

  it('serves again after the end of its log was damaged, and is cut there', async () => {
    await remote.startWorkers();
    await redis.endLogInZeros();
    const report = await redis.recover();
    assert.equal(report.outcome, 'serving', report.summary);
    assert.equal(await house.ask('DBSIZE'), KEYS);
    assert.equal(remote.isOpen(), false);
  });
});
