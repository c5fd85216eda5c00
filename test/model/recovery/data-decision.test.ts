import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { DEFAULT_DATA_CLASSES } from '../../../model/data-class.ts';
import { decideOnData, isConclusive, missingOf, offerDigestSource } from '../../../model/recovery/data-decision.ts';
import type { DataFacts, PresentKeys } from '../../../model/recovery/data-facts.ts';
import { manifest, TAKEN_AT_MS } from '../../fixtures/plan.ts';
import { always } from '../../support/always.ts';

const HOUR = 3600_000;
const LOG = { until: `${'b'.repeat(40)}-0000000000000001@99`, untilMs: TAKEN_AT_MS + 2 * HOUR, complete: true };
const SETTINGS: DataFacts['settings'] = {
  sessionClass: 'sessions',
  tolerance: 0.01,
  restore: 'ask',
  restoreClasses: ['sessions'],
};

const exactly = (name: string, keys: number): PresentKeys => ({ name, keys, atLeast: keys, atMost: keys });

/** The backup of two hours ago has 120,000 sessions, 100,000 of which are alive for sure now. */
const facts = (parts: Partial<DataFacts> & { sessions?: number } = {}): DataFacts => ({
  settings: SETTINGS,
  classes: DEFAULT_DATA_CLASSES,
  base: manifest(),
  present: [exactly('sessions', parts.sessions ?? 0), exactly('other', 75_000)],
  sampled: false,
  nowMs: TAKEN_AT_MS + HOUR,
  ...parts,
});

const withSettings = (settings: Partial<DataFacts['settings']>, parts: Parameters<typeof facts>[0] = {}): DataFacts =>
  facts({ ...parts, settings: { ...SETTINGS, ...settings } });

describe('The decision on lost data', () => {
  it('is to go on when the sessions that the backup knows are there', () => {
    const { verdict, decision, lost, text } = decideOnData(facts({ sessions: 119_000 }));
    assert.deepEqual([verdict, decision, lost], ['within-tolerance', 'go-on', { atLeast: 1_000, atMost: 1_000 }]);
    assert.equal(
      text,
      '119,000 sessions present, 120,000 expected from the backup of 2026-08-01 06:00 UTC; what came after it is not counted.',
    );
  });

  it('is a question when more are missing, and says what comes back and what comes back with it', () => {
    const { verdict, decision, lost, offer, text } = decideOnData(facts({ sessions: 3_400 }));
    assert.deepEqual([verdict, decision, lost], ['lost', 'ask', { atLeast: 116_600, atMost: 116_600 }]);
    assert.deepEqual(offer, {
      classes: ['sessions'],
      backupId: '20260801T060000Z',
      asOf: '2026-08-01T06:00:00.000Z',
      revivesSignedOut: true,
    });
    assert.equal(
      text,
      '3,400 sessions present, 120,000 expected from the backup of 2026-08-01 06:00 UTC: 116,600 lost; what came after it is not counted.',
    );
  });

  it('says what is lost of keys that are not to be brought back, unless they come back by themselves', () => {
    const { verdict, decision, text } = decideOnData(
      facts({ present: [exactly('sessions', 119_000), exactly('apiCache', 0), exactly('other', 10)] }),
    );
    assert.deepEqual([verdict, decision], ['within-tolerance', 'go-on']);
    assert.match(text, /; other keys: [\d,]+ lost, which restoreClasses leaves out\.$/);
    assert.doesNotMatch(text, /apiCache/);
  });

  it('is unknown between the bounds of an old backup, and not a loss', () => {
    const { verdict, lost, text } = decideOnData(facts({ sessions: 105_000, nowMs: TAKEN_AT_MS + 1.5 * HOUR }));
    assert.deepEqual([verdict, lost], ['unknown', { atLeast: 0, atMost: 15_000 }]);
    assert.match(text, /at most 15,000 lost \(the backup is too old to tell more exactly\)/);
  });

  it('is a loss where function libraries of the backup are missing, whatever keys are there', () => {
    const base = manifest({ rdb: { ...manifest().rdb, functions: 2 } });
    const { verdict, decision, offer, text } = decideOnData(facts({ base, sessions: 120_000, functionsNow: 0 }));
    assert.deepEqual([verdict, decision, offer?.classes], ['lost', 'ask', ['sessions', 'functions']]);
    assert.match(text, /120,000 sessions present.*; function libraries: 2 lost\.$/);
    const there = decideOnData(facts({ base, sessions: 120_000, functionsNow: 2 }));
    assert.deepEqual([there.verdict, there.offer?.classes], ['within-tolerance', ['sessions']]);
    const unasked = decideOnData(facts({ base, sessions: 120_000, functionsNow: { unknown: 'NOPERM' } }));
    assert.equal(unasked.verdict, 'within-tolerance');
    assert.match(unasked.text, /whether the function libraries of the backup are there cannot be told: NOPERM/);
  });

  it('is known better by the sessions that the log has last', () => {
    const between = { sessions: 105_000, nowMs: TAKEN_AT_MS + 1.5 * HOUR, log: LOG };
    const there = decideOnData(facts({ ...between, recent: { looked: 500, missing: 0, writtenAtMost: 4_000 } }));
    assert.deepEqual([there.verdict, there.decision], ['within-tolerance', 'go-on']);
    const gone = decideOnData(
      facts({ sessions: 120_000, log: LOG, recent: { looked: 500, missing: 250, writtenAtMost: 4_000 } }),
    );
    assert.deepEqual([gone.verdict, gone.lost], ['lost', { atLeast: 250, atMost: 2_000 }]);
    assert.match(gone.text, /of the 500 last in the log 250 are missing/);
    const signedOut = { looked: 20, missing: 2, writtenAtMost: 20 }; // within the last second
    assert.equal(decideOnData(facts({ sessions: 120_000, recent: signedOut })).verdict, 'within-tolerance');
    const few = decideOnData(facts({ ...between, recent: { looked: 3, missing: 0, writtenAtMost: 3 } }));
    assert.equal(few.verdict, 'unknown');
  });

  it('is to restore by itself only from a log that is complete', () => {
    const auto = (parts: Partial<DataFacts>) => decideOnData(withSettings({ restore: 'auto' }, parts));
    assert.equal(auto({ log: LOG }).decision, 'restore');
    assert.deepEqual(auto({ log: LOG }).offer, {
      classes: ['sessions'],
      until: LOG.until,
      asOf: '2026-08-01T08:00:00.000Z',
      revivesSignedOut: false,
    });
    assert.equal(auto({}).decision, 'ask');
    const incomplete = auto({ log: { ...LOG, complete: false } });
    assert.deepEqual([incomplete.decision, incomplete.offer?.revivesSignedOut], ['ask', true]);
    assert.equal(decideOnData(withSettings({ restore: 'never' }, { log: LOG })).decision, 'go-on');
    assert.equal(decideOnData(withSettings({ restoreClasses: [] }, { log: LOG })).decision, 'go-on');
  });

  it('says that a restore has replaced since what is known, and then restores nothing by itself', () => {
    const auto = withSettings({ restore: 'auto' }, { log: LOG });
    assert.equal(decideOnData(auto).decision, 'restore');
    const { decision, text } = decideOnData({ ...auto, replaced: { atMs: TAKEN_AT_MS + HOUR, backupId: '20260801T070000Z' } });
    assert.equal(decision, 'ask');
    assert.ok(
      text.endsWith(
        ' A restore began at 2026-08-01 07:00:00 UTC (safety snapshot 20260801T070000Z), and nothing was backed up since: all of this is of what stood there before it.',
      ),
      text,
    );
  });

  it('offers the newest moment that anything proves, and what else there is behind it', () => {
    const untilOf = (parts: Partial<DataFacts>) => {
      const { offer, nextBest } = decideOnData(facts(parts));
      return [offer, nextBest].map((one) => (one?.until ? 'log' : one?.backupId ? 'backup' : undefined));
    };
    const until = `${'c'.repeat(40)}-0000000000000001@99`;
    const ended = { until, complete: false, untilMs: TAKEN_AT_MS - 22_000 };
    assert.deepEqual(untilOf({ log: ended }), ['backup', 'log']);
    assert.deepEqual(untilOf({ log: { ...ended, untilMs: TAKEN_AT_MS } }), ['log', 'backup'], 'it knows who signed out');
    assert.deepEqual(untilOf({ log: { ...ended, complete: true } }), ['log', 'backup'], 'nothing was written since');
    assert.deepEqual(untilOf({ log: ended, base: undefined }), ['log', undefined]);
    assert.deepEqual(untilOf({}), ['backup', undefined]);
  });

  it('goes by the offset where backup and log are of one history, whatever the clocks say', () => {
    const { replication } = manifest();
    const log = (offset: number, untilMs: number) => ({
      until: `${replication.replid}-${'0'.repeat(15)}1@${offset}`,
      untilMs,
      complete: false,
    });
    const later = TAKEN_AT_MS + 60 * 24 * HOUR;
    assert.equal(decideOnData(facts({ log: log(replication.offset - 1, later) })).offer?.backupId, '20260801T060000Z');
    assert.equal(decideOnData(facts({ log: log(replication.offset, TAKEN_AT_MS - HOUR) })).offer?.backupId, undefined);
  });

  it('never takes what was not counted for nothing', () => {
    const verdictAndText = (parts: Parameters<typeof facts>[0]) => {
      const { verdict, text, expected } = decideOnData(facts(parts));
      assert.equal(expected, undefined);
      return `${verdict}: ${text}`;
    };
    const census = (classes: string[]) => {
      const { census } = manifest();
      return manifest({ census: { ...census, classes: census.classes.filter(({ name }) => classes.includes(name)) } });
    };
    assert.match(verdictAndText({ base: undefined }), /^unknown: .* no backup of before the failure/);
    assert.match(verdictAndText({ base: census(['other']) }), /^unknown: .* counted before there was a class sessions/);
    assert.match(verdictAndText({ base: manifest({ rdb: { parsed: false } }) }), /^unknown: .* not every key/);
    assert.match(verdictAndText({ nowMs: TAKEN_AT_MS + 200_000_000 }), /^unknown: .* would have expired by now/);
    const none = manifest();
    for (const one of none.census.classes) if (one.name === 'sessions') Object.assign(one, { keys: 0, ttl: [] });
    assert.match(verdictAndText({ base: none }), /^unknown: .* matches none of the keys/);
  });

  it('looks at all classes that would be brought back, also where nobody signs in', () => {
    const { verdict, text, decision } = decideOnData(
      withSettings({ sessionClass: undefined, restoreClasses: ['other'] }, { present: [exactly('other', 10)] }),
    );
    assert.deepEqual([verdict, decision], ['lost', 'ask']);
    assert.equal(text, 'No class of sessions is configured; other keys: 74,990 lost.');
  });

  it('is not approved for another offer', () => {
    const { offer } = decideOnData(facts());
    assert.ok(offer);
    const source = offerDigestSource('main', offer);
    assert.notEqual(source, offerDigestSource('other', offer));
    assert.notEqual(source, offerDigestSource('main', { ...offer, classes: ['sessions', 'other'] }));
    assert.notEqual(source, offerDigestSource('main', { ...offer, backupId: undefined, until: LOG.until }));
    assert.equal(
      offerDigestSource('main', { ...offer, classes: ['a', 'b'] }),
      offerDigestSource('main', { ...offer, classes: ['b', 'a'] }),
    );
  });

  it('counts a loss that is never negative, never over what is expected, and falls with what is there', () => {
    always(
      fc.property(fc.nat(1000), fc.nat(1000), fc.nat(3000), fc.nat(1000), (low, more, present, further) => {
        const expected = { atLeast: low, atMost: low + more };
        const lost = missingOf(expected, present);
        assert.ok(0 <= lost.atLeast && lost.atLeast <= lost.atMost && lost.atMost <= expected.atMost);
        assert.ok(missingOf(expected, present + further).atMost <= lost.atMost);
      }),
    );
  });

  it('is conclusive from a sample only when every number in its bounds leads to the same', () => {
    always(
      fc.property(fc.integer({ min: 90_000, max: 130_000 }), fc.nat(5_000), fc.nat(5_000), (keys, below, above) => {
        const present = [{ name: 'sessions', keys, atLeast: keys - below, atMost: keys + above }];
        const sample = facts({ present, sampled: true });
        if (!isConclusive(sample)) return;
        for (const truth of [keys - below, keys, keys + above]) {
          assert.equal(decideOnData(facts({ sessions: truth })).verdict, decideOnData(sample).verdict);
        }
      }),
    );
    const wide = facts({ present: [{ name: 'sessions', keys: 119_000, atLeast: 110_000, atMost: 125_000 }] });
    assert.equal(isConclusive(wide), false);
  });
});
