import assert from 'node:assert/strict';
import { type Beyond, unusableBackup } from '../../../../model/backup/unusable.ts';
import { type PlannedLog, planRestore } from '../../../../model/restore/plan/plan.ts';
import { renderPlan } from '../../../../model/restore/plan/text.ts';
import * as fixtures from '../../../fixtures/plan.ts';

const TIMELINE = `${'a'.repeat(40)}-0000000000001000`;
const LOG: PlannedLog = {
  until: 'latest',
  ranges: [{ timelineId: TIMELINE, from: 1000, to: 3000 }],
  bytes: 2000,
  untilMs: fixtures.NOW_MS - 60_000,
  endsMs: fixtures.NOW_MS - 60_000,
};
const DAMAGE: Beyond = {
  ...{ what: 'segment', id: TIMELINE, from: 3000, fromMs: fixtures.NOW_MS - 60_000, toMs: fixtures.NOW_MS, bytes: 1234 },
  why: 'it has another checksum',
};

const target = fixtures.target({ layout: fixtures.appendOnly() });

describe('a plan with something newer that cannot be used', () => {
  it('says so before anything else, and refuses latest until the moment is named', () => {
    const plan = planRestore(fixtures.input({ target, log: LOG, beyond: [DAMAGE] }));
    const [refusal] = plan.refusals;
    assert.equal(refusal?.code, 'RESTORE_REFUSED');
    assert.match(
      refusal?.message ?? '',
      /^latest of main would be the log as it was 2026-08-01 08:29:00 UTC, and what is newer cannot/,
    );
    assert.ok(refusal?.next.includes(`\`redis-backup restore main --until ${TIMELINE}@3000\``), refusal?.next);
    const [, , , , title, line] = renderPlan(plan).split('\n');
    assert.equal(title, 'DAMAGED OR MISSING, and newer than what is restored');
    assert.match(
      line ?? '',
      /^ {2}from offset 3000 on of the log \(timeline .*, from .* until .*, 1.2 kB\) cannot be read: it has another/,
    );
  });

  it('does not refuse a moment that is named, and says it all the same', () => {
    const plan = planRestore(fixtures.input({ target, log: { ...LOG, until: `${TIMELINE}@3000` }, beyond: [DAMAGE] }));
    assert.deepEqual([plan.refusals, plan.beyond], [[], [DAMAGE]]);
    assert.match(renderPlan(plan), /DAMAGED OR MISSING/);
  });

  it('refuses an older backup in place of the newest one, unless it is named', () => {
    const beyond = [unusableBackup('20260801T073000Z', 'its manifest is not JSON')];
    const [refusal] = planRestore(fixtures.input({ beyond, asksLatest: true })).refusals;
    assert.match(
      refusal?.message ?? '',
      /^latest of main would be backup 20260801T060000Z, taken .* cannot be used: backup 20260801T073000Z, taken/,
    );
    assert.match(refusal?.next ?? '', /`redis-backup restore main 20260801T060000Z`/);
    assert.deepEqual(planRestore(fixtures.input({ beyond, asksLatest: false })).refusals, []);
    assert.deepEqual(planRestore(fixtures.input({ asksLatest: true })).refusals, []);
  });
});
