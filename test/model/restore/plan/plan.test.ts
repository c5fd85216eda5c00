import assert from 'node:assert/strict';
import { type PlanInput, planDigestSource } from '../../../../model/restore/plan/plan.ts';
import {
  appending,
  appendOnly,
  down,
  manifest,
  NOW_MS,
  planOf,
  server,
  TAKEN_AT_MS,
  target,
  withServer,
} from '../../../fixtures/plan.ts';

describe('restore plan', () => {
  it('refuses nothing where everything fits, and survives JSON', () => {
    const plan = planOf();
    assert.deepEqual(plan.refusals, []);
    assert.deepEqual(JSON.parse(JSON.stringify(plan)), plan);
    assert.deepEqual([plan.mode, plan.ageSeconds, plan.keysInBackup], ['rdb-file', 9_000, 200_000]);
  });

  it('says what is lost: writes since, keys in the target, sign-outs', () => {
    const { losses, outcome } = planOf();
    assert.deepEqual(losses.writes, { fromMs: TAKEN_AT_MS, seconds: 9_000 });
    assert.deepEqual(losses.replaced, { keys: 1_234, databases: [{ db: 0, keys: 1_234 }] });
    assert.deepEqual(losses.revived, [{ name: 'sessions', atMost: 100_000 }]);
    assert.deepEqual(outcome.all, {
      name: 'all',
      inBackup: 200_000,
      inRedisNow: 1_234,
      afterRestore: { atLeast: 175_000, atMost: 175_000 },
    });
  });

  it("counts the living by the server's clock", () => {
    const behind = planOf({ target: target({ clockOffsetMs: -2_000 }), nowMs: TAKEN_AT_MS + 7_201_000 });
    assert.equal(behind.outcome.all.afterRestore?.atMost, 195_000);
    assert.equal(planOf({ nowMs: TAKEN_AT_MS + 7_201_000 }).outcome.all.afterRestore?.atMost, 175_000);
  });

  it('makes a multi-part directory where appendonly is yes, as a lone dump.rdb would be ignored', () => {
    const plan = planOf({ target: target({ layout: appendOnly() }) });
    assert.equal(plan.mode, 'append-only-directory');
    assert.match(plan.steps.find(({ name }) => name === 'replaceData')?.title ?? '', /appendonlydir\/ with the RDB as its base/);
  });

  it('makes the one-file log of a Redis before 7.0, which knows no directory', () => {
    const old = { ...target({ layout: appendOnly() }), server: appending({ version: '6.2.14' }) };
    const plan = planOf({ manifest: manifest({ rdb: { version: 9 } }), target: old });
    assert.deepEqual([plan.mode, plan.appendForm, plan.refusals], ['append-only-directory', 'single-file', []]);
    assert.match(
      plan.steps.find(({ name }) => name === 'replaceData')?.title ?? '',
      /appendonly\.aof with the RDB as its preamble/,
    );
    assert.equal(planOf().appendForm, 'multi-part');
  });

  it('stays small however many backups there are: it goes into every undo entry', () => {
    const others = Array.from({ length: 500 }, (_, i) => manifest({ takenAtMs: TAKEN_AT_MS + (i + 1) * 1000 }));
    const plan = planOf({ others });
    assert.equal(plan.losses.newerBackupCount, 500);
    assert.ok(JSON.stringify(plan).length < 8_000, String(JSON.stringify(plan).length));
  });

  it('stops nobody before the backup is there and the safety snapshot is taken', () => {
    const names = planOf().steps.map(({ name }) => name);
    assert.deepEqual(names, [
      'fetchBackup',
      'safetySnapshot',
      'stopServer',
      'putAside',
      'replaceData',
      'startServer',
      'verifyCounts',
      'verifyApplications',
    ]);
    const { steps, downtimeSeconds } = planOf();
    assert.equal(
      steps.filter(({ destructive }) => destructive).reduce((sum, one) => sum + one.estimateSeconds, 0),
      downtimeSeconds,
    );
  });

  it('takes no safety snapshot of what does not answer, is loading, or is empty, and says why', () => {
    assert.deepEqual(planOf({ target: down() }).safetySnapshot, {
      taken: false,
      why: 'Redis does not answer; its files are kept aside',
    });
    assert.equal(planOf({ target: target({ loading: true }) }).safetySnapshot.taken, false);
    assert.equal(planOf({ target: target({ keysNow: { total: 0, databases: [] } }) }).safetySnapshot.taken, false);
  });

  it('restores into a Redis that is down, and says what it could not know', () => {
    const plan = planOf({ target: down() });
    assert.deepEqual(plan.refusals, []);
    assert.equal(plan.losses.replaced, undefined);
    assert.match(plan.warnings.join('\n'), /taken as backup 20260801T060000Z saw it/);
  });

  it('names newer backups, newest first', () => {
    const others = [1, 2].map((hours) => manifest({ takenAtMs: TAKEN_AT_MS + hours * 3_600_000 }));
    const plan = planOf({ others: [manifest({ takenAtMs: TAKEN_AT_MS - 1000 }), ...others] });
    assert.deepEqual(
      plan.losses.newerBackups.map(({ backupId }) => backupId),
      ['20260801T080000Z', '20260801T070000Z'],
    );
    assert.match(
      plan.warnings.join('\n'),
      /2 newer backups of this instance: 20260801T080000Z is 2 h 00 min younger and holds 200,000 keys/,
    );
  });
});

describe('restore plan warns', () => {
  it('of an older backup that holds ten times as much: Redis may have lost its data before this one was taken', () => {
    const chosen = manifest({ rdb: { keys: 500 } });
    const older = manifest({ takenAtMs: TAKEN_AT_MS - 6 * 3_600_000 });
    assert.match(
      planOf({ manifest: chosen, others: [older, chosen] }).warnings.join('\n'),
      /an older backup, 20260801T000000Z, holds 200,000 keys and this one 500; Redis may have lost its data in between/,
    );
    assert.doesNotMatch(planOf({ others: [older] }).warnings.join('\n'), /an older backup/);
  });

  it('of what changed since the backup, and of what the next start will do otherwise than this one', () => {
    const policy = { ...server().policy, appendonly: 'yes', save: '' };
    const warnings = planOf({ target: withServer({ policy }) }).warnings.join('\n');
    assert.match(warnings, /appendonly is yes now and no in the configuration file: the restored Redis starts with the latter/);
    assert.match(
      warnings,
      /changed since the backup: save from "3600 1 300 100 60 10000" to "" and appendonly from "no" to "yes"/,
    );
  });

  it('of a Redis that nothing can tell to save on its way out, unless a signal does', () => {
    const warnings = (save: string) => {
      const target = withServer({ policy: { ...server().policy, save } });
      return planOf({ target: { ...target, lacksSave: ['SAVE'] } }).warnings.join('\n');
    };
    assert.match(warnings(''), /cannot be told to save when it is stopped: SAVE is disabled there or has another name/);
    assert.doesNotMatch(warnings('3600 1'), /cannot be told to save/);
  });

  it('of a backup from the future, one without checksum, and replicas that will follow', () => {
    const odd = manifest({ takenAtMs: NOW_MS + 3_600_000, rdb: { crc64: 'unchecked' } });
    const warnings = planOf({ manifest: odd, target: target({ replicas: ['10.0.0.2:6379'] }) }).warnings.join('\n');
    assert.match(warnings, /dated 2026-08-01 09:30 UTC, which is in the future/);
    assert.match(warnings, /no checksum of its own \(rdbchecksum no/);
    assert.match(warnings, /connected replicas \(10\.0\.0\.2:6379\) lose what they hold/);
  });

  it('of a hanging Redis, which is ended without a safety snapshot', () => {
    assert.match(
      planOf({ target: { ...down(), processRunning: true } }).warnings.join('\n'),
      /a process is there that does not answer/,
    );
  });
});

describe('digest of a plan', () => {
  const digest = (overrides: Partial<PlanInput> = {}): string => planDigestSource(planOf(overrides));

  it('stays the same while a person reads: time, room, keys and estimates drift', () => {
    const drifted = target({
      disk: { freeBytes: 49_000_000_000, existingBytes: 91_000_000 },
      memory: { hostAvailableBytes: 3_900_000_000 },
      keysNow: { total: 1_300, databases: [{ db: 0, keys: 1_300 }] },
      clockOffsetMs: -40,
    });
    assert.equal(digest({ target: drifted, nowMs: NOW_MS + 120_000 }), digest());
  });

  it('changes with the backup, its bytes, the mode, the directory, the running Redis, and what is refused', () => {
    const changed = [
      { manifest: manifest({ takenAtMs: TAKEN_AT_MS - 1000 }) },
      { manifest: manifest({ stored: { ...manifest().stored, sha256: 'd'.repeat(64) } }) },
      { target: target({ layout: appendOnly() }) },
      { target: target({ layout: { ...target().layout, dbfilename: 'other.rdb' } }) },
      { target: withServer({ runId: 'f'.repeat(40) }) },
      { target: down() },
      { target: target({ clockOffsetMs: 5_000 }) },
    ].map((overrides) => digest(overrides));
    assert.equal(new Set([digest(), ...changed]).size, changed.length + 1);
  });
});
