import assert from 'node:assert/strict';
import { emptyClassCensus, TTL_BOUNDS_SECONDS } from '../../../model/backup/census.ts';
import { latestBackup, passedOver, passedOverText } from '../../../model/backup/latest.ts';
import type { SnapshotManifest, SnapshotReason } from '../../../model/backup/manifest.ts';
import { sampleManifest } from '../../fixtures/manifest.ts';

const DAY = 24;
function backup(hour: number, keys: number, reason: SnapshotReason = 'scheduled'): SnapshotManifest {
  const sample = sampleManifest();
  const takenAt = new Date(Date.parse('2026-08-01T00:00:00Z') + hour * 3600_000).toISOString();
  return {
    ...sample,
    backupId: `at-${hour}`,
    reason,
    times: { ...sample.times, takenAt },
    rdb: { ...sample.rdb, keys, parsed: true },
  };
}
const latest = (...all: SnapshotManifest[]): string | undefined =>
  latestBackup(all, Date.parse('2026-09-01T00:00:00Z'))?.backupId;

describe('The latest backup', () => {
  it('is the newest, and no safety snapshot', () => {
    assert.equal(latest(backup(0, 1000), backup(6, 900), backup(7, 5000, 'safety')), 'at-6');
    assert.equal(latest(), undefined);
  });

  it('is not that of a Redis which came up empty, or with the handful of keys that it has taken since', () => {
    assert.equal(latest(backup(0, 1000), backup(6, 0, 'recovery'), backup(7, 99, 'recovery'), backup(12, 80)), 'at-0');
    assert.equal(latest(backup(0, 1000), backup(6, 12, 'recovery'), backup(12, 950)), 'at-12');
  });

  it('is not that of a Redis whose clock was ahead, by which keys had expired, before it is a week newer', () => {
    const ahead = (one: SnapshotManifest) => ({ ...one, times: { ...one.times, clockOffsetMs: 30 * 24 * 3600_000 } });
    assert.equal(latest(backup(0, 1000), ahead(backup(6, 900))), 'at-0');
    assert.equal(latest(ahead(backup(0, 900)), ahead(backup(6, 900)), backup(12, 500)), 'at-12');
    assert.equal(latest(ahead(backup(0, 900)), ahead(backup(6, 800))), 'at-6', 'there is no other');
    assert.equal(latest(backup(0, 1000), ahead(backup(7 * DAY + 1, 900))), `at-${7 * DAY + 1}`);
  });

  describe('among backups with data classes', () => {
    const holding = (hour: number, counts: Record<string, number>): SnapshotManifest => {
      const one = backup(
        hour,
        Object.values(counts).reduce((sum, keys) => sum + keys, 0),
      );
      const classes = Object.entries(counts).map(([name, keys]) => ({ ...emptyClassCensus(name), keys, persistent: keys }));
      return { ...one, census: { ...one.census, classes }, ttlBoundsSeconds: [...TTL_BOUNDS_SECONDS] };
    };
    const before = holding(0, { sessions: 1000, cache: 2000 });

    it('is not the newer one that lost a whole class and has enough of another, for a week', () => {
      const cache = [6, 12].map((hour) => holding(hour, { sessions: 0, cache: 360 }));
      assert.equal(latest(before, ...cache), 'at-0');
      assert.equal(latest(before, holding(6, { sessions: 150, cache: 360 })), 'at-6');
      assert.equal(latest(before, holding(7 * DAY + 1, { sessions: 0, cache: 2000 })), `at-${7 * DAY + 1}`);
    });

    it('is not the newer one that lost the keys of no class, unless they are of a class by now', () => {
      const many = holding(0, { cache: 2000, other: 1000 });
      assert.equal(latest(many, holding(6, { cache: 2000, other: 3 })), 'at-0');
      assert.equal(latest(many, holding(6, { cache: 2000, other: 150 })), 'at-6');
      assert.equal(latest(many, holding(6, { cache: 2000, sessions: 950, other: 0 })), 'at-6', 'a class was added');
      assert.equal(latest(many, holding(6, { cache: 2950, other: 0 })), 'at-6', 'a pattern was widened');
      assert.equal(latest(holding(0, { cache: 2000, other: 9 }), holding(6, { cache: 2000, other: 0 })), 'at-6', 'a handful');
    });

    it('says which newer one was not taken, and why', () => {
      const said = (...all: SnapshotManifest[]) => {
        const found = passedOver(all, Date.parse('2026-09-01T00:00:00Z'));
        return found && passedOverText(found);
      };
      assert.equal(said(before), undefined);
      assert.equal(said(before, holding(6, { sessions: 900, cache: 400 }), backup(7, 5, 'safety')), undefined);
      assert.equal(said(before, backup(6, 0)), '`latest` is at-0: the newer at-6 is empty');
      assert.equal(said(before, backup(6, 12)), '`latest` is at-0: the newer at-6 holds 12 keys, less than a tenth of its 3,000');
      assert.equal(
        said(before, holding(6, { sessions: 0, cache: 360 })),
        '`latest` is at-0: the newer at-6 has less than a tenth of its 1,000 sessions',
      );
    });
  });

  it('is an empty one where there is no other', () => {
    assert.equal(latest(backup(0, 0), backup(6, 0)), 'at-6');
    assert.equal(latest(backup(0, 0), backup(6, 1)), 'at-6');
  });

  it('is the small one after a week: then it is meant to hold less', () => {
    assert.equal(latest(backup(0, 1000), backup(7 * DAY, 10)), 'at-0');
    assert.equal(latest(backup(0, 1000), backup(7 * DAY + 1, 10)), `at-${7 * DAY + 1}`);
  });
});
