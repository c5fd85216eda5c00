import assert from 'node:assert/strict';
import { resultLines } from '../../model/operation-page.ts';

const RESTORED = {
  outcome: 'restored',
  instance: 'main',
  backupId: '20260801T060000Z',
  takenAt: '2026-08-01T06:00:00.000Z',
  keysAfter: {
    keys: 120,
    promised: { atLeast: 120, atMost: 120 },
    classes: [{ name: 'sessions', keys: 120, promised: { atLeast: 120, atMost: 120 } }],
    databases: [],
  },
  proof: 'every key is accounted for',
  downtimeSeconds: 2,
  losses: { revived: [{ name: 'sessions', atMost: 7 }] },
  warnings: ['the clock is off'],
  safetyBackupId: '20260801T103000Z',
};

describe('The page of an operation that has ended', () => {
  it('has the keys, the proof and the loss of a restore', () => {
    assert.deepEqual(resultLines(RESTORED), [
      '**Restored** from 20260801T060000Z; it served nobody for 2 s.',
      '**Keys**: 120 of 120 keys are there (sessions 120 of 120)',
      '**Proof**: every key is accounted for',
      '**Lost**: every write since 2026-08-01 06:00:00 UTC. Signed in again: at most 7 sessions.',
      '**What was there before**: backup 20260801T103000Z',
      '⚠️ the clock is off',
    ]);
    const log = { until: '2026-08-01T10:42:07.000Z', bytes: 1500 };
    assert.match(
      resultLines({ ...RESTORED, log }).join('\n'),
      /and 1\.5 kB of log;.*Lost\*\*: every write since 2026-08-01 10:42:07 UTC/s,
    );
  });

  it('has what was stored, or why nothing was', () => {
    const backups = [{ backupId: '20260801T060000Z', keys: 1200, storedBytes: 1500, seconds: 3 }];
    assert.deepEqual(resultLines({ outcome: 'stored', backups }), [
      '**Stored**: backup 20260801T060000Z, 1,200 keys, 1.5 kB in 3 s.',
    ]);
    assert.deepEqual(resultLines({ outcome: 'skipped', skippedBecause: 'restore/main is running' }), [
      '**Skipped**: restore/main is running',
    ]);
  });

  it('has why it failed, and what to do', () => {
    const error = { code: 'REDIS_UNREACHABLE', message: 'main does not answer\nat all', next: 'Start it.' };
    assert.deepEqual(resultLines({ error }), ['**Why**: REDIS_UNREACHABLE: main does not answer at all', '**Next**: Start it.']);
    assert.deepEqual(resultLines({ instance: 'main', removed: [] }), []);
  });
});
