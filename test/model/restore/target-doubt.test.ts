import assert from 'node:assert/strict';
import type { SnapshotManifest } from '../../../model/backup/manifest.ts';
import type { KeyKind } from '../../../model/key-kind.ts';
import type { TargetFacts, TargetIdentity } from '../../../model/restore/plan/facts.ts';
import { renderPlan } from '../../../model/restore/plan/text.ts';
import { doubtRefusal, targetDoubt } from '../../../model/restore/target-doubt.ts';
import { manifest, NOW_MS, planOf, server, TAKEN_AT_MS, target } from '../../fixtures/plan.ts';

const OTHER_RUN = 'f'.repeat(40);

const backup = (kinds: KeyKind[] | undefined, overrides: Parameters<typeof manifest>[0] = {}): SnapshotManifest => {
  const plain = manifest(overrides);
  const keys = kinds?.reduce((sum, one) => sum + one.keys, 0) ?? 200_000;
  return { ...plain, census: { ...plain.census, keys, classes: [], ...(kinds ? { kinds } : {}) } };
};

const holding = (...kinds: KeyKind[]): NonNullable<TargetFacts['keysNow']> => {
  const total = kinds.reduce((sum, { keys }) => sum + keys, 0);
  return { total, databases: [{ db: 0, keys: total }], classes: [{ name: 'other', keys: total }], kinds };
};

const kind = (name: string, keys: number): KeyKind => ({ name, keys });

const doubts = (
  identity: Partial<TargetIdentity>,
  { keysNow, backups = [backup([kind('order', 3000)])] }: { keysNow?: TargetFacts['keysNow']; backups?: SnapshotManifest[] } = {},
): string =>
  targetDoubt({
    instance: 'orders',
    identity: { runId: OTHER_RUN, ...identity },
    backups,
    nowMs: NOW_MS,
    ...(keysNow ? { keysNow } : {}),
  }).doubts.join('; ');

describe('Whether another Redis answers than the backups were taken from', () => {
  it('is not doubted of one that was restarted, or came up empty: it has another run id, and another history', () => {
    assert.equal(doubts({ replids: ['9'.repeat(40)] }), '');
    assert.equal(doubts({}, { keysNow: holding() }), '');
  });

  it('is doubted of keys that have nothing in common with those of any backup, and both are named', () => {
    assert.equal(
      doubts({}, { keysNow: holding(kind('session', 3000)) }),
      'it holds 3,000 keys (3,000 session…), and the backups of orders are of others (3,000 order…)',
    );
  });

  it('is not doubted while one side knows what the other has: a cache that is all gone, sessions that are all there is', () => {
    const backups = [backup([kind('cache', 1_000_000), kind('session', 5_000)])];
    assert.equal(doubts({}, { keysNow: holding(kind('session', 300)), backups }), '');
    const small = [backup([kind('session', 300)])];
    assert.equal(doubts({}, { keysNow: holding(kind('cache', 1_000_000), kind('session', 5_000)), backups: small }), '');
  });

  it('is doubted all the same where a single key is alike', () => {
    const keysNow = { ...holding(kind('session', 3000)), total: 3001 };
    assert.match(doubts({}, { keysNow }), /3,001 keys/);
  });

  it('asks every backup: an older one may know the kinds of keys', () => {
    const older = backup([kind('session', 100)], { takenAtMs: TAKEN_AT_MS - 86_400_000 });
    assert.equal(doubts({}, { keysNow: holding(kind('session', 3000)), backups: [older, backup([kind('order', 3000)])] }), '');
  });

  it('does not ask a safety snapshot: it is of whatever was replaced', () => {
    const safety = backup([kind('session', 100)], {
      takenAtMs: TAKEN_AT_MS + 1000,
      reason: 'safety',
      server: server({ runId: OTHER_RUN }),
    });
    assert.notEqual(
      doubts({}, { keysNow: holding(kind('session', 3000)), backups: [backup([kind('order', 3000)]), safety] }),
      '',
    );
  });

  it('is not doubted for keys where nothing is known of them: no names, few keys, keys that are like nothing', () => {
    assert.equal(doubts({}, { keysNow: holding(kind('session', 3000)), backups: [backup(undefined)] }), '');
    assert.equal(doubts({}, { keysNow: holding(kind('session', 19)) }), '');
    assert.equal(doubts({}, { keysNow: { ...holding(kind('session', 30)), total: 3000 } }), '');
    assert.equal(doubts({}, { keysNow: { total: 3000, databases: [], uncounted: 'it takes too long' } }), '');
  });

  it('is settled by a run id, or a history, that a backup has', () => {
    const keysNow = holding(kind('session', 3000));
    assert.equal(doubts({ runId: server().runId }, { keysNow }), '');
    assert.equal(doubts({ replids: ['9'.repeat(40), 'b'.repeat(40)] }, { keysNow }), '');
  });

  it('is doubted of a process that is configured as another instance, too', () => {
    const sameAs = [{ name: 'main', runs: '/etc/main.conf' }];
    assert.equal(doubts({ sameAs }), 'the Redis that answers for orders is that of main, too');
    const managed = { runs: '/etc/main.conf', yes: true } as const;
    assert.notEqual(doubts({ sameAs, managed }), '', 'both have the same redis.conf');
  });

  it('is not doubted of the managed process because of a slip in another instance, and that one is named', () => {
    const managed = { runs: '/etc/orders.conf', yes: true } as const;
    const identity = { managed, sameAs: [{ name: 'main', runs: '/etc/main.conf' }] };
    const found = targetDoubt({ instance: 'orders', identity, backups: [], nowMs: NOW_MS });
    assert.deepEqual(found, { doubts: [], alsoOf: ['main'] });
  });

  it('is doubted of a process that is not the managed one', () => {
    const why = 'process 7 answers, and that of /etc/orders.conf is process 8';
    assert.equal(doubts({ managed: { runs: '/etc/orders.conf', yes: false, why } }), why);
  });
});

describe('A restore into a Redis that is doubted', () => {
  const doubtful = () =>
    target({
      server: server({ runId: OTHER_RUN }),
      identity: { ...target().identity, runId: OTHER_RUN, sameAs: [{ name: 'main' }] },
    });

  it('is refused, with its own code and the way to go on', () => {
    const [refusal] = planOf({ instance: 'main', target: doubtful() }).refusals;
    assert.equal(refusal?.code, 'TARGET_DOUBTFUL');
    assert.match(refusal?.next ?? '', /--into-another/);
    assert.equal(doubtRefusal('main', { doubts: [], alsoOf: [] }), undefined);
  });

  it('may be meant: that is allowed by name, and stays the first line of the plan', () => {
    const plan = planOf({ target: doubtful(), options: { intoAnother: true } });
    assert.deepEqual(plan.refusals, []);
    assert.match(renderPlan(plan), /^INTO ANOTHER REDIS\? the Redis that answers for main is that of main, too\n/);
  });
});
