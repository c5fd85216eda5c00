import assert from 'node:assert/strict';
import { House, type HouseOptions } from '../support/house.ts';
import { startS3 } from '../support/s3-server.ts';

const KEYS = 5_000;

async function fill(house: House): Promise<void> {
  await house.ask('DEBUG', 'POPULATE', String(KEYS - 1_000), 'cache', '50');
  await house.ask('EVAL', "for i=1,1000 do redis.call('SET', 'session:'..i, 'token', 'EX', 86400) end", '0');
}

const MODES: [string, HouseOptions][] = [
  ['appendonly no', { redis: { config: { appendonly: 'no' } } }],
  ['appendonly yes', { redis: { config: { appendonly: 'yes' } } }],
  ['CONFIG and SHUTDOWN disabled', { redis: { config: { appendonly: 'yes', 'rename-command': ['CONFIG ""', 'SHUTDOWN ""'] } } }],
  [
    'names of its own for everything',
    {
      redis: {
        config: { appendonly: 'yes', appenddirname: '"my aof"', appendfilename: '"log of main"', dbfilename: 'main.rdb' },
      },
    },
  ],
];

describe('A snapshot and back from it', function () {
  this.timeout(180_000);

  for (const [mode, options] of MODES) {
    it(`brings back every key, and keeps what stood there, with ${mode}`, async () => {
      const house = await House.open(options);
      try {
        await fill(house);
        const backup = await house.backup();
        assert.equal(backup.outcome, 'stored');
        await house.ask('FLUSHALL');
        await house.ask('SET', 'written:later', '1');
        const report = await house.restore();
        assert.equal(report.keysExpected, KEYS);
        assert.equal(report.keysFound, KEYS);
        assert.equal(report.exact, true);
        assert.equal(await house.ask('DBSIZE'), KEYS);
        assert.equal(await house.ask('EXISTS', 'written:later'), 0);
        const safety = (await house.repository.snapshots({ instance: 'main', shard: '0' }).list()).find(
          ({ reason }) => reason === 'safety',
        );
        assert.equal(safety?.backupId, report.safetyBackupId);
        assert.equal(safety?.rdb.keys, 1);
        assert.ok(report.keptAside);
      } finally {
        await house.close();
      }
    });
  }

  it('does the same through an S3 server', async () => {
    await using s3 = await startS3();
    const house = await House.open({ store: s3.location('journey') });
    try {
      await fill(house);
      await house.backup();
      await house.ask('FLUSHALL');
      assert.equal((await house.restore()).keysFound, KEYS);
      assert.equal(await house.ask('DBSIZE'), KEYS);
    } finally {
      await house.close();
    }
  });
});
