import assert from 'node:assert/strict';
import { roomRefusals } from '../../model/merge/free-memory.ts';
import type { MergePlan } from '../../model/merge/merge.ts';
import type { RecoveryReport } from '../../model/recovery/recovery.ts';
import { assessment, lost, merged, PlayedRecovery } from '../support/played-recovery.ts';

describe('recoverRedis, of lost keys', function () {
  this.timeout(180_000);
  let played: PlayedRecovery;
  before(async () => {
    played = await PlayedRecovery.open();
  });
  after(() => played?.close());

  it('asks for what was counted in a copy, and for the room first', async () => {
    const needs = { memoryBytes: 9e6, room: { maxmemoryBytes: 1e7, policy: 'noeviction', countedBytes: 5e6, evictedKeys: 0 } };
    const rehearseMerge = ({ plan }: { plan: MergePlan }): MergePlan => ({
      ...plan,
      rehearsal: { at: '2026-01-01T00:00:00Z', classes: [{ name: 'sessions', alive: 95, there: 10 }], needs },
      refusals: roomRefusals('main', needs),
    });
    const running = await played.start({ decideData: () => lost({ decision: 'restore' }), rehearseMerge });
    const { plan, text } = await running.question();
    assert.match(
      text,
      /First make room: Set maxmemory of main to at least 14,736,843 bytes \(CONFIG SET maxmemory 14736843\)\. Then bring sessions back/,
    );
    assert.match(text, /85 sessions would come back \(counted in a copy\), 9\.0 MB of memory\./);
    assert.equal(played.times('mergeClasses'), 0);
    await running.update('approve', { by: 'ann', plan });
    assert.equal((await running.report()).restored?.[0]?.standing, 95);
  });

  it('says what is missing, with the command for the next best, when the newest that is known has none of it', async () => {
    const needs = { memoryBytes: 0, room: { maxmemoryBytes: 0, policy: 'noeviction', countedBytes: 5e6, evictedKeys: 0 } };
    const classes = [{ name: 'sessions', alive: 0, there: 0 }];
    const nextBest = {
      classes: ['sessions'],
      backupId: '20260101T000000Z',
      asOf: '2025-12-31T00:00:00.000Z',
      revivesSignedOut: true,
    };
    const report = (await played.run({
      decideData: () => lost({ nextBest }),
      rehearseMerge: ({ plan }: { plan: MergePlan }) => ({ ...plan, rehearsal: { at: '2026-01-01T00:00:00Z', classes, needs } }),
    })) as RecoveryReport;
    assert.deepEqual([report.decisions, played.times('mergeClasses'), report.incomplete], [[], 0, true]);
    assert.match(
      report.summary,
      /To do: 10 sessions stand, and at least 90 were expected: .+ `redis-backup restore main\d+ 20260101T000000Z --only sessions --yes`\./,
    );
    assert.doesNotMatch(report.summary, /Nothing is left/);
  });

  it('takes less than was promised for no success', async () => {
    const over = { restored: 40, standing: 50, failed: 45, reasons: [{ reason: 'OOM', keys: 45 }] };
    const report = (await played.run({
      decideData: () => lost({ decision: 'restore' }),
      mergeClasses: () => ({ ...merged(over), stopped: 'OOM command not allowed' }),
    })) as RecoveryReport;
    assert.equal(report.incomplete, true);
    assert.match(
      report.toDo.join(),
      /45 of 95 sessions are missing; it was stopped: OOM .+ `redis-backup restore main .+ --yes`/,
    );
    assert.match(report.summary, /To do: /);
  });

  it('leaves no lost session without its command', async () => {
    const never = (await played.run({ decideData: () => lost({ decision: 'go-on' }) })) as RecoveryReport;
    assert.match(
      never.toDo.join(),
      /not brought back \(.+never\): .+ `redis-backup restore main\d+ --only sessions --until latest --yes`/,
    );
    const settings = { ...assessment().settings, askForMs: 500 };
    const silent = (await played.run({
      decideData: () => lost(),
      assessFailure: () => assessment({ settings }),
    })) as RecoveryReport;
    assert.match(silent.toDo.join(), /not brought back \(nobody answered\)/);
  });
});
