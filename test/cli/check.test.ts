import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { countBegun } from '../../cli/check/runs.ts';
import { sampleManifest } from '../fixtures/manifest.ts';
import { startFakePrimary } from '../redis/support/fake-primary.ts';
import { freePort } from '../support/temporal.ts';
import { until } from '../support/until.ts';
import { type CheckResult, CheckStage, found, POLICY } from './support/check-stage.ts';
import { openSite } from './support/command.ts';

describe('redis-backup check', function () {
  this.timeout(60_000);
  let stage: CheckStage;
  before(async () => {
    stage = await CheckStage.open({ withSearchAttributes: false });
  });
  after(() => stage?.close());

  it('prints what it found and what to do, and exits with 60 when anything failed', async () => {
    await using here = await stage.siteWith({ config: POLICY });
    const { code, stdout, stderr } = await here.site.run('check');
    assert.equal(code, 60);
    assert.equal(stderr, '');
    const lines = stdout.trimEnd().split('\n');
    assert.equal(lines[0], `ok       configuration: ${here.site.configFile} is well-formed`);
    assert.equal(lines[1], `ok       repository: file://${here.site.dir} can be written, read, listed and deleted`);
    assert.ok(lines.includes(`ok       temporal: Temporal at ${stage.temporal.address} answers, namespace default`));
    assert.ok(
      lines.includes(
        `ok       main redis: redis://127.0.0.1:${here.redis.port} answers: redis ${here.redis.binary.version}, primary`,
      ),
      stdout,
    );
    assert.ok(
      lines.includes('ok       main policy: save "3600 1 300 100 60 10000", appendonly yes, appendfsync everysec, as wanted'),
    );
    assert.ok(lines.includes('failed   main schedule: there is no schedule redis-backup-main: nobody takes backups'));
    assert.ok(lines.includes('         next: Run `redis-backup schedules main`.'));
    assert.match(lines.at(-1) ?? '', /^\d+ ok, \d+ warnings?, \d+ failed$/);
  });

  it('says that session tokens are stored without encryption, and that none is available yet', async () => {
    await using here = await stage.siteWith({});
    assert.deepEqual(await found(here.site, 'encryption'), [
      {
        level: 'warning',
        message: `live credentials (sessions of main) are stored without encryption by us: who can read file://${here.site.dir} can use them`,
        next: 'Encryption by redis-backup is not available in this version: let the store encrypt (SSE-KMS, an encrypted disk), allow few people to read it, and keep backups for a short time.',
      },
    ]);
  });

  it('names the search attributes that are missing, and registers them with --apply', async () => {
    await using here = await stage.siteWith({ config: POLICY });
    const [before] = await found(here.site, 'search attributes');
    assert.equal(before?.level, 'failed');
    assert.match(before?.message ?? '', /^the namespace default lacks RedisInstance, RedisOperation, RedisPhase, RedisOutcome/);
    assert.equal((await found(here.site, 'search attributes', 'check --apply'))[0]?.level, 'ok');
    assert.equal((await found(here.site, 'search attributes'))[0]?.level, 'ok');
  });

  it('says once that Redis does not answer, though it takes connections, that the secret is missing, that Temporal is down: each for itself', async () => {
    const address = `127.0.0.1:${await freePort()}`;
    await using swallowed = await startFakePrimary(() => undefined);
    await using site = await openSite(`temporal: { address: "${address}" }
instances:
  down: { url: "redis://127.0.0.1:${await freePort()}" }
  swallowed: { url: "redis://127.0.0.1:${swallowed.connection.port}", archive: {} }
  locked: { url: redis://127.0.0.1:1, password: { env: NO_SUCH_SECRET } }`);
    const { findings, code } = await site.json<CheckResult>('check');
    assert.equal(code, 60);
    const failed = findings
      .filter(({ level }) => level === 'failed')
      .map(({ check, instance, message }) => `${instance ?? ''} ${check} ${message.split(':')[0]}`);
    assert.deepEqual(failed, [
      ' temporal TEMPORAL_UNREACHABLE',
      'down redis REDIS_UNREACHABLE',
      'swallowed redis REDIS_UNREACHABLE',
      'locked redis CONFIG_INVALID',
    ]);
  });

  it('names each backup that is there and cannot be restored', async () => {
    await using here = await stage.siteWith({});
    const whole = sampleManifest();
    const cut = sampleManifest({ backupId: '20260214T070000Z' });
    await here.site.publish(whole, cut);
    assert.deepEqual(await found(here.site, 'backups'), []);
    await writeFile(join(here.site.dir, 'main/0/snapshots/20260214T070000Z/dump.rdb.zst'), '');
    const [finding, ...others] = await found(here.site, 'backups');
    assert.deepEqual([finding?.level, others], ['warning', []]);
    assert.match(
      finding?.message ?? '',
      /^20260214T070000Z is there and cannot be restored: .* has 0 bytes, the manifest says 123$/,
    );
  });

  it('says once that the repository cannot be used, and what is not known for that', async () => {
    await using here = await stage.siteWith({});
    await rm(here.site.dir, { recursive: true });
    await mkdir(here.site.dir);
    await writeFile(
      here.site.configFile,
      `repository: { url: "file://${here.site.dir}/gone" }\ninstances: { main: { url: "redis://127.0.0.1:${here.redis.port}" } }`,
    );
    const [finding] = await found(here.site, 'repository');
    assert.equal(finding?.level, 'failed');
    assert.match(finding?.message ?? '', /^STORE_MISSING: /);
    const { stdout } = await here.site.run('check');
    assert.equal(stdout.split('STORE_MISSING').length, 2, stdout);
    assert.match(
      stdout,
      /not looked at: the repository cannot be used, so nothing is known of this: .*backups, data classes, owner/,
    );
  });

  it('says that the schedule differs or is paused', async () => {
    await using here = await stage.siteWith({ config: POLICY });
    await here.site.run('schedules');
    assert.deepEqual(await found(here.site, 'schedule'), [{ level: 'ok', message: 'redis-backup-main runs every 6 h 00 min' }]);
    const handle = (await stage.temporal.client()).schedule.getHandle('redis-backup-main');
    const later = { now: () => Date.now() + 20 * 3_600_000 };
    await handle.trigger(); // nobody takes it
    await until(async () => (await handle.describe()).info.recentActions.length > 0, { what: 'the run' });
    const runs = await found(here.site, 'scheduled runs', 'check', later);
    assert.deepEqual(
      runs.map(({ level }) => level),
      ['failed', 'warning'],
    );
    assert.match(runs[0]?.message ?? '', /^backup\/main-.* has run for 20 h 00 min: while it does no other begins$/);
    assert.match(runs[1]?.message ?? '', /^2 runs of redis-backup-main did not begin since/);
    const client = await stage.temporal.client();
    const session = { client } as Parameters<typeof countBegun>[0];
    const begun = (fromMs: number, toMs: number) => countBegun(session, 'redis-backup-main', fromMs, toMs);
    await until(async () => (await begun(0, Date.now())) === 1, {
      what: 'Temporal tells it of the time behind its last ten, too',
    });
    assert.equal(await begun(0, Date.now() - 3_600_000), 0);
    await handle.pause('moving house');
    await handle.update((one) => ({ ...one, policies: { ...one.policies, pauseOnFailure: true } }));
    const all = await found(here.site, 'schedule');
    assert.deepEqual(
      all.map(({ level, message }) => `${level} ${message}`),
      [
        'failed redis-backup-main is paused ("moving house"): nobody takes backups',
        'warning redis-backup-main differs from the configuration: pause on failure: yes -> no',
      ],
    );
    await handle.delete();
  });
});
