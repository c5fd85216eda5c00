import assert from 'node:assert/strict';
import { ScheduleOverlapPolicy } from '@temporalio/client';
import * as fc from 'fast-check';
import type { EnsuredSchedule } from '../../cli/schedules/ensure.ts';
import { offsetOf } from '../../cli/schedules/wanted.ts';
import { missingSearchAttributes } from '../../worker/search-attributes.ts';
import { sampleManifest } from '../fixtures/manifest.ts';
import { always } from '../support/always.ts';
import { startTemporal, type TemporalServer } from '../support/temporal.ts';
import { until } from '../support/until.ts';
import { openSite, type Site } from './support/command.ts';

const HOUR_MS = 3_600_000;

interface Result {
  dryRun: boolean;
  schedules: EnsuredSchedule[];
  orphans: string[];
}

describe('redis-backup schedules, in a real Temporal', function () {
  this.timeout(60_000);
  let temporal: TemporalServer;
  before(async () => {
    temporal = await startTemporal({ withSearchAttributes: false });
  });
  after(() => temporal?.stop());
  const siteOf = (instances: string): Promise<Site> =>
    openSite(`temporal: { address: "${temporal.address}" }\ninstances:\n${instances}`);
  const one = (name: string, backup = '{}') => `  ${name}: { url: redis://127.0.0.1:1, backup: ${backup} }\n`;
  const handleOf = async (name: string) => (await temporal.client()).schedule.getHandle(`redis-backup-${name}`);

  it('makes one for each instance, every six hours if nothing else is said, and nothing with --dry-run', async () => {
    await using site = await siteOf(one('main') + one('cache', '{ every: 30m }'));
    const dry = await site.json<Result>('schedules --dry-run');
    assert.deepEqual(
      dry.schedules.map(({ action }) => action),
      ['created', 'created'],
    );
    await assert.rejects((await handleOf('main')).describe(), { name: 'ScheduleNotFoundError' });

    const { schedules, code } = await site.json<Result>('schedules');
    assert.equal(code, 0);
    assert.deepEqual(
      schedules.map(({ instance, action, everySeconds }) => [instance, action, everySeconds]),
      [
        ['main', 'created', 21_600],
        ['cache', 'created', 1_800],
      ],
    );
    const client = await temporal.client();
    assert.deepEqual(await missingSearchAttributes(client.connection as never, 'default'), []);
    const found = await client.schedule.getHandle('redis-backup-main').describe();
    assert.deepEqual(found.spec.intervals, [{ every: 6 * HOUR_MS, offset: offsetOf('main', 6 * HOUR_MS) }]);
    assert.deepEqual(found.policies, { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: 5 * HOUR_MS, pauseOnFailure: false });
    assert.equal(found.state.note, 'managed by redis-backup schedules; edits are overwritten');
    assert.equal(found.action.workflowType, 'backupSnapshot');
    assert.equal(found.action.workflowId, 'backup/main');
    assert.equal(found.action.taskQueue, 'redis-ops');
    assert.deepEqual(found.action.args, [{ instance: 'main', reason: 'scheduled' }]);
    assert.deepEqual(found.action.searchAttributes, { RedisInstance: ['main'], RedisOperation: ['backup'] });
    assert.equal(found.action.staticSummary, 'scheduled backup of main');
  });

  it('changes nothing the second time', async () => {
    await using site = await siteOf(one('twice'));
    await site.run('schedules');
    const before = await (await handleOf('twice')).describe();
    const { schedules } = await site.json<Result>('schedules');
    assert.equal(schedules[0]?.action, 'unchanged');
    assert.deepEqual((await (await handleOf('twice')).describe()).info.lastUpdatedAt, before.info.lastUpdatedAt);
  });

  it('starts a run that a worker can take, under the id that manual backups use, with its time', async () => {
    await using site = await siteOf(one('triggered'));
    await site.run('schedules');
    const handle = await handleOf('triggered');
    await handle.trigger();
    await until(async () => (await handle.describe()).info.recentActions.length > 0, { what: 'the run' });
    const [action] = (await handle.describe()).info.recentActions;
    assert.match(action?.action.workflow.workflowId ?? '', /^backup\/triggered-\d{4}-/);
  });

  it('says field by field what it changed, and overwrites what a person edited', async () => {
    await using site = await siteOf(one('edited', '{ every: 1h }'));
    await site.run('schedules');
    const handle = await handleOf('edited');
    await handle.update((found) => ({
      ...found,
      spec: { ...found.spec, intervals: [{ every: '2h', offset: '1m' }], jitter: '1m' },
      policies: { ...found.policies, overlap: ScheduleOverlapPolicy.ALLOW_ALL },
    }));
    const dry = await site.run('schedules --dry-run');
    assert.match(dry.stdout, /^redis-backup-edited would be updated: every 1 h 00 min, offset \d+ min 00 s, next at /);
    const { stdout } = await site.run('schedules edited');
    const [head, ...changes] = stdout.trimEnd().split('\n');
    assert.match(
      head ?? '',
      /^redis-backup-edited updated: every 1 h 00 min, offset \d+ min 00 s, next at \d{4}-\d\d-\d\d \d\d:\d\d UTC$/,
    );
    assert.match(
      changes[0] ?? '',
      /^ {2}interval: every 2 h 00 min, offset 1 min 00 s -> every 1 h 00 min, offset \d+ min 00 s$/,
    );
    assert.deepEqual(changes.slice(1, 3), ['  jitter: 1 min 00 s -> none', '  overlap: ALLOW_ALL -> SKIP']);
    assert.match((await site.run('schedules edited')).stdout, /^redis-backup-edited unchanged: /);
  });

  it('never unpauses one, keeps the reason of the pause, and says how to end it', async () => {
    await using site = await siteOf(one('paused', '{ every: 1h }'));
    await site.run('schedules');
    const handle = await handleOf('paused');
    await handle.pause('maintenance of db1');
    await handle.update((found) => ({ ...found, policies: { ...found.policies, pauseOnFailure: true } }));
    const { stdout, code } = await site.run('schedules');
    assert.equal(code, 0);
    assert.match(
      stdout,
      /^redis-backup-paused updated: every 1 h 00 min, offset \d+ min 00 s\n {2}pause on failure: yes -> no\n/,
    );
    assert.ok(
      stdout.includes(
        `warning: redis-backup-paused is paused ("maintenance of db1"): no backups are taken. It stays so until: temporal schedule toggle --schedule-id redis-backup-paused --unpause --reason "…" --address ${temporal.address}\n`,
      ),
      stdout,
    );
    const { state } = await handle.describe();
    assert.deepEqual([state.paused, state.note], [true, 'maintenance of db1']);
  });

  it('names those of instances that the configuration no longer has', async () => {
    await using old = await siteOf(one('gone'));
    await old.run('schedules');
    await using site = await siteOf(one('main'));
    let last = '';
    await until(
      async () => {
        last = (await site.run('schedules')).stdout; // lists of schedules are behind for a moment
        return last.includes('redis-backup-gone');
      },
      { what: 'the schedule in the list' },
    );
    assert.ok(
      last.includes(
        'warning: redis-backup-gone is there for an instance that the configuration does not have; end all that goes on for it with: redis-backup remove gone\n',
      ),
    );
  });

  it('ends all that goes on for an instance that is configured no more, says what stays, and does nothing with --dry-run', async () => {
    await using old = await siteOf(one('retired'));
    await old.run('schedules');
    const client = await temporal.client();
    const memo = { redisTarget: { instance: 'retired', address: '127.0.0.1:1', repository: 'file:///old' } };
    const start = { taskQueue: 'redis-ops', workflowId: 'archive/retired', args: [{ instance: 'retired' }], memo };
    const archive = await client.workflow.start('archiveContinuously', start);
    await using site = await siteOf(one('main'));
    const dry = await site.run('remove retired --dry-run');
    assert.deepEqual(dry.stdout.split('\n'), [
      'remove retired:',
      '  ends: redis-backup-retired: no backups are taken any more',
      '  ends: archive/retired (retired at 127.0.0.1:1, repository file:///old): nothing is archived any more',
      `  stays: 0 backups in file://${site.dir}, which no retention touches any more`,
      '',
    ]);
    assert.equal((await site.run('remove retired')).code, 2, 'nobody is there to be asked');
    assert.equal((await site.run('remove retired', { ask: async () => 'yes' })).code, 52);
    await (await handleOf('retired')).describe();
    const check = await site.json<{ findings: { check: string; message: string; next?: string }[] }>('check');
    const forgotten = check.findings.filter((finding) => finding.check === 'forgotten instances');
    assert.ok(
      forgotten.some(
        ({ message, next = '' }) => message.includes('goes on for retired,') && next.includes('redis-backup remove retired'),
      ),
      JSON.stringify(forgotten),
    );
    const { stopped } = await site.json<{ stopped: { id: string; state: string }[] }>('remove retired --yes');
    assert.deepEqual(
      stopped.map(({ id, state }) => [id, state]),
      [
        ['redis-backup-retired', 'ended'],
        ['archive/retired', 'ending'], // no worker is there that could answer
      ],
    );
    await assert.rejects((await handleOf('retired')).describe(), { name: 'ScheduleNotFoundError' });
    await archive.terminate('over');
    assert.match((await site.run('remove retired --yes')).stdout, /^nothing goes on for retired: no schedule, no archiver/);
    assert.equal((await site.run('remove ../retired')).code, 2);
  });

  it('takes a name that nothing knows for a slip, and says which it may have been', async () => {
    await using site = await siteOf(one('main'));
    for (const more of ['', ' --yes', ' --dry-run']) {
      const { code, stdout, stderr } = await site.run(`remove mian${more}`);
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(
        stderr,
        /^error: there is no instance "mian" and was none: .*\nnext: Did you mean "main"\? Configured are: main; /,
      );
    }
    await site.publish(sampleManifest({ instance: 'mian' }));
    const known = await site.run('remove mian --dry-run');
    assert.equal(known.code, 0, known.stderr);
    assert.match(known.stdout, /^nothing goes on for mian: .*\n {2}stays: 1 backup in /);
    assert.equal((await site.run('remove main --yes')).code, 0, 'configured, and nothing runs for it');
  });

  it('ends nothing of an instance that the worker of another configuration has, and calls it no forgotten one', async () => {
    await using other = await siteOf(one('shared'));
    await other.run('schedules');
    const { connection } = await temporal.client();
    const identity = 'there:1@another-machine config=0a1b2c3d shared=10.0.0.9:6379//0a1b2c3d/0a1b2c3d';
    const taskQueue = { name: 'redis-ops' };
    const poll = () => connection.workflowService.pollWorkflowTaskQueue({ namespace: 'default', taskQueue, identity });
    const polling = connection.withDeadline(Date.now() + 60_000, poll).catch(() => undefined);
    await using site = await siteOf(one('main'));
    await until(async () => (await site.run('remove shared --dry-run')).code === 64, { what: 'the poll is known' });
    const { code, stderr } = await site.run('remove shared --yes');
    assert.equal(code, 64);
    assert.match(stderr, /worker there:1 on another-machine has shared, at 10\.0\.0\.9:6379, .*: nothing of it was ended/);
    await (await handleOf('shared')).describe();
    const { findings } = await site.json<{ findings: { check: string; message: string }[] }>('check');
    const forgotten = findings.filter(({ check, message }) => check === 'forgotten instances' && message.includes('shared'));
    assert.deepEqual(forgotten, []);
    await (await temporal.client()).workflow.start('nothing', { taskQueue: 'redis-ops', workflowId: 'ends-the-poll' });
    await polling;
  });
});

describe('the turn of an instance', () => {
  it('is a whole minute within the interval, and always the same', () => {
    always(
      fc.property(fc.string(), fc.integer({ min: 1, max: 7 * 24 * 60 }), (name, minutes) => {
        const offset = offsetOf(name, minutes * 60_000);
        return offset >= 0 && offset < minutes * 60_000 && offset % 60_000 === 0 && offset === offsetOf(name, minutes * 60_000);
      }),
    );
  });

  it('does not move between versions, or a fleet would be backed up anew', () => {
    assert.equal(offsetOf('main', 6 * HOUR_MS), 233 * 60_000);
  });

  it('spreads a fleet over the interval', () => {
    const turns = new Set(Array.from({ length: 100 }, (_, index) => offsetOf(`redis-${index}`, 6 * HOUR_MS)));
    assert.ok(turns.size > 80, `${turns.size} different minutes`);
  });
});
