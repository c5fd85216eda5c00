import assert from 'node:assert/strict';
import type { ErrorCode } from '../../../../model/errors.ts';
import type { TargetFacts } from '../../../../model/restore/plan/facts.ts';
import type { PlanInput, Refusal } from '../../../../model/restore/plan/plan.ts';
import { appendOnly, down, manifest, NOW_MS, planOf, server, target, withServer } from '../../../fixtures/plan.ts';

/** The one refusal of a plan. */
function onlyRefusal(overrides: Partial<PlanInput>, code: ErrorCode, message: RegExp, next?: RegExp): Refusal {
  const { refusals } = planOf(overrides);
  const [first, ...others] = refusals;
  assert.ok(first, 'the plan refuses nothing');
  assert.deepEqual(others, []);
  assert.equal(first.code, code);
  assert.match(first.message, message);
  if (next) assert.match(first.next, next);
  assert.match(first.next, /\.$/);
  return first;
}

describe('restore plan refuses', () => {
  it('an RDB that is newer than the server, with both versions', () => {
    onlyRefusal(
      { manifest: manifest({ rdb: { version: 12 }, server: server({ version: '8.2.3' }) }) },
      'RESTORE_REFUSED',
      /main cannot load backup 20260801T060000Z: Redis 7\.0\.15 reads up to RDB version 10, and the backup is RDB version 12 \(as it runs; written by redis 8\.2\.3\)/,
      /Run redis 8\.2\.3 or newer there/,
    );
  });

  it('the same by what is installed, or by the newest backup when Redis is down', () => {
    const newer = manifest({ rdb: { version: 12 }, server: server({ version: '8.2.3' }) });
    assert.deepEqual(
      planOf({ manifest: newer, target: target({ installed: { product: 'redis', version: '8.2.3' } }) }).refusals,
      [],
    );
    assert.deepEqual(planOf({ manifest: newer, target: down() }).refusals, []);
    const since = [manifest({ takenAtMs: NOW_MS - 1000 })];
    onlyRefusal({ manifest: newer, others: since, target: down() }, 'RESTORE_REFUSED', /as backup 20260801T082959Z saw it/);
  });

  it('not a server that is newer than its table, when it is at least as new as the writer', () => {
    const future = manifest({ rdb: { version: 99 }, server: server({ version: '12.0.0' }) });
    const plan = planOf({ manifest: future, target: withServer({ version: '12.1.0' }) });
    assert.deepEqual(plan.refusals, []);
    assert.match(plan.warnings.join('\n'), /not certain: Redis 12\.1\.0 is newer than redis-backup's table/);
    onlyRefusal(
      { manifest: future, target: withServer({ version: '11.0.0' }) },
      'RESTORE_REFUSED',
      /older than the 12\.0\.0 that wrote/,
    );
  });

  it('module data that the server does not know, by name', () => {
    const json = { moduleTypes: ['ReJSON-RL'] };
    onlyRefusal(
      { manifest: manifest({ rdb: json }) },
      'RESTORE_REFUSED',
      /main does not know \(as it runs\): ReJSON-RL \(module ReJSON\)/,
    );
    assert.deepEqual(
      planOf({ manifest: manifest({ rdb: json }), target: withServer({ modules: [{ name: 'ReJSON', version: 1 }] }) }).refusals,
      [],
    );
  });

  it('more databases than the server has', () => {
    const databases = [0, 20].map((db) => ({ db, keys: 1, expires: 0 }));
    onlyRefusal(
      { manifest: manifest({ rdb: { databases } }) },
      'RESTORE_REFUSED',
      /database 20, and main has 16 databases \(0 to 15\)/,
      /databases 21/,
    );
  });

  it('a clock more than 2 s apart', () => {
    onlyRefusal({ target: target({ clockOffsetMs: 86_400_000 }) }, 'CLOCK_SKEW', /the clock of main is 1 d 00 h ahead of ours/);
    onlyRefusal({ target: target({ clockOffsetMs: -2_001 }) }, 'CLOCK_SKEW', /2 s behind ours/);
    assert.deepEqual(planOf({ target: target({ clockOffsetMs: 2_000 }) }).refusals, []);
  });

  it('a backup of another instance or shard', () => {
    onlyRefusal(
      { manifest: manifest({ instance: 'other' }) },
      'TARGET_IDENTITY',
      /one of other\/0, and the restore names main\/0/,
    );
    onlyRefusal({ manifest: manifest({ shard: '1' }) }, 'TARGET_IDENTITY', /one of main\/1/);
  });

  it('a Redis that is another one than the managed process', () => {
    const found = (ofPlatform: object) => target({ identity: { ...target().identity, ofPlatform } as TargetFacts['identity'] });
    onlyRefusal(
      { target: found({ same: 'no', why: 'it says port 6379, and 6380 is configured' }) },
      'TARGET_IDENTITY',
      /is not the one that .* manages: it says port 6379, and 6380 is configured/,
    );
    onlyRefusal(
      { target: target({ processRunning: false }) },
      'TARGET_IDENTITY',
      /a Redis answers, but no such process runs on this host/,
    );
    assert.deepEqual(planOf({ target: found({ same: 'unknown', why: 'it is in a container' }) }).refusals, []);
  });

  it('a replica, a cluster node, and a primary that a Sentinel would replace', () => {
    const replica = target({ server: server({ role: 'slave' }), primary: '10.0.0.1:6379' });
    onlyRefusal(
      { target: replica },
      'RESTORE_REFUSED',
      /main is a replica of 10\.0\.0\.1:6379, which would overwrite/,
      /REPLICAOF NO ONE/,
    );
    onlyRefusal({ target: target({ clusterMode: true }) }, 'PLATFORM_UNSUPPORTED', /a node of a Redis Cluster/);
    const watched = target({ sentinels: 3, replicas: ['10.0.0.2:6379'] });
    onlyRefusal(
      { target: watched },
      'RESTORE_REFUSED',
      /3 Sentinels watch main: .* one of its replicas \(10\.0\.0\.2:6379\) would be promoted/,
    );
  });

  it('one that is down while a replica with data follows it, which would copy what is restored', () =>
    onlyRefusal(
      { target: { ...down(), followers: [{ address: '10.0.0.2:6379', keys: 5_000 }] } },
      'RESTORE_REFUSED',
      /^10\.0\.0\.2:6379 \(5,000 keys\) still follows main, which does not answer/,
      /REPLICAOF NO ONE on 10\.0\.0\.2:6379/,
    ));

  it('data that does not fit into maxmemory, and says what would happen', () => {
    onlyRefusal(
      { target: withServer({ maxmemoryBytes: 200_000_000 }) },
      'RESTORE_REFUSED',
      /takes 250\.0 MB of memory and main has maxmemory 200\.0 MB: it would refuse every write/,
    );
    onlyRefusal(
      { target: withServer({ maxmemoryBytes: 200_000_000, maxmemoryPolicy: 'allkeys-lru' }) },
      'RESTORE_REFUSED',
      /evict restored keys at once \(allkeys-lru\)/,
    );
  });

  it('not a cache that was full when it was backed up', () => {
    const plan = planOf({ target: withServer({ maxmemoryBytes: 248_000_000, maxmemoryPolicy: 'allkeys-lru' }) });
    assert.deepEqual(plan.refusals, []);
    assert.equal(plan.evictionsAnnounced, true);
    assert.match(plan.warnings.join('\n'), /fills maxmemory \(248\.0 MB\): allkeys-lru may evict restored keys/);
  });

  it('data that does not fit into the host or its control group; the stopped Redis makes room', () => {
    onlyRefusal(
      { target: target({ memory: { limitBytes: 200_000_000 } }) },
      'RESTORE_REFUSED',
      /can have 200\.0 MB \(the limit of the control group\)/,
    );
    onlyRefusal(
      { target: target({ memory: { hostAvailableBytes: 100_000_000 } }) },
      'RESTORE_REFUSED',
      /can have 100\.0 MB \(free on the host\)/,
    );
    assert.deepEqual(
      planOf({ target: target({ memory: { hostAvailableBytes: 100_000_000, processResidentBytes: 200_000_000 } }) }).refusals,
      [],
    );
  });

  it('a disk without room for the RDB and for what is written beside it', () => {
    const disk = { freeBytes: 150_000_000, existingBytes: 90_000_000 };
    onlyRefusal(
      { target: target({ disk }) },
      'TARGET_DISK_FULL',
      /has 150\.0 MB free and needs 191\.0 MB for the RDB \(100\.0 MB\) and the last save of the old data; the 90\.0 MB there now are kept aside/,
      /Free 41\.0 MB/,
    );
    const inMemoryOnly = { ...server(), usedMemoryBytes: 120_000_000, policy: { ...server().policy, save: '' } };
    for (const existingBytes of [0, 1_000_000]) {
      onlyRefusal(
        { target: target({ disk: { ...disk, existingBytes }, server: inMemoryOnly }) },
        'TARGET_DISK_FULL',
        /needs 221\.0 MB for the RDB \(100\.0 MB\) and the last save of the old data/,
      );
    }
    onlyRefusal(
      { target: target({ disk, layout: appendOnly() }) },
      'TARGET_DISK_FULL',
      /needs 201\.0 MB .* and the first rewrite of the log/,
    );
    assert.deepEqual(planOf({ target: { ...down(), disk } }).refusals, []);
    assert.match(planOf({ target: { ...down(), disk } }).warnings.join('\n'), /no room for the first BGSAVE/);
    onlyRefusal(
      { target: { ...down(), disk: { ...disk, freeBytes: 100_000_000 } } },
      'TARGET_DISK_FULL',
      /needs 101\.0 MB for the RDB \(100\.0 MB\);/,
    );
  });

  it('an RDB whose keys were not counted, unless it is allowed by name', () => {
    const uncounted = manifest({ rdb: { parsed: false, unparsed: 'type 99 at offset 4711' } });
    onlyRefusal(
      { manifest: uncounted },
      'RESTORE_REFUSED',
      /could not all be counted \(type 99 at offset 4711\)/,
      /--allow-unparsed/,
    );
    assert.deepEqual(planOf({ manifest: uncounted, options: { allowUnparsed: true } }).refusals, []);
  });

  it('everything at once, so that nobody finds the next reason only after mending the first', () => {
    const plan = planOf({
      manifest: manifest({ rdb: { version: 12, moduleTypes: ['ReJSON-RL'] } }),
      target: target({ clockOffsetMs: 9_000, disk: { freeBytes: 0, existingBytes: 0 } }),
    });
    assert.deepEqual(
      plan.refusals.map(({ code }) => code),
      ['CLOCK_SKEW', 'RESTORE_REFUSED', 'RESTORE_REFUSED', 'TARGET_DISK_FULL'],
    );
  });
});
