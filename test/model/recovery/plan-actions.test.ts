import assert from 'node:assert/strict';
import { emptyClassCensus } from '../../../model/backup/census.ts';
import type { RedisFacts } from '../../../model/health-report.ts';
import { FAILURE_CLASSES } from '../../../model/recovery/failure-classes.ts';
import type { Observations } from '../../../model/recovery/observations.ts';
import { aof, data, down, facts, look, NOW_MS, observations, platform, run, stored } from '../../fixtures/observations.ts';

const nothingThere = down({ data: data({ aof: undefined }) });

describe('a dead Redis with nothing to load', () => {
  const actions = (onDamage: 'ask' | 'serve-empty', keys: number | null) => {
    const all = observations({ ...nothingThere, stored: stored(keys) });
    return FAILURE_CLASSES.dead.actions({ ...all, settings: { ...all.settings, onDamage } });
  };

  it('is asked about where a backup has keys and not all can be made again: its disk may be missing', () => {
    const [restart] = actions('ask', 1000);
    assert.equal(restart?.action, 'restart');
    assert.match(restart?.ask?.question ?? '', /nothing to load in \/data, and backup \w+ has 1,000 keys: is the disk mounted\?/);
    assert.equal(restart?.ask?.otherwise, 'proceed', 'serving comes first');
  });

  it('is started by itself where it may come up empty, or never had anything', () => {
    for (const planned of [actions('serve-empty', 1000), actions('ask', 0), actions('ask', null)]) {
      assert.deepEqual(
        planned.map(({ action, ask }) => [action, ask]),
        [['restart', undefined]],
      );
    }
  });
});

describe('a Redis that may be started empty without asking, as is configured', () => {
  const damage = { name: 'a.aof', kind: 'garbage', where: 'middle', wholeBytes: 10, badBytes: 9, usableBytes: 10 } as const;
  const broken = data({ aof: aof({ damage: { ...damage, changedAt: '2026-02-14T11:59:00.000Z' } }) });
  const older = data({
    rdb: { bytes: 9000, modifiedAt: '2026-02-14T11:59:00.000Z' },
    aof: aof({ writtenAt: '2026-02-14T11:00:00.000Z' }),
  });
  const withOther = (keys: number) => {
    const known = stored(1000);
    const { census } = known.backup as NonNullable<typeof known.backup>;
    const classes = [...census.classes, { ...emptyClassCensus('other'), keys }];
    return { ...known, backup: { ...(known.backup as NonNullable<typeof known.backup>), census: { ...census, classes } } };
  };
  const questions = (more: Partial<Observations>) =>
    (
      [
        ['aof-damaged', broken],
        ['rdb-damaged', data()],
        ['newer-ignored', older],
      ] as const
    ).map(([failure, there]) =>
      FAILURE_CLASSES[failure]
        .actions({ ...observations(down({ data: there })), ...more })
        .flatMap(({ ask }) => ask?.question ?? [])
        .join(),
    );

  it('is, where the newest backup has a class for nearly all of its keys, or nobody knows: serving comes first, and the files are kept', () => {
    assert.deepEqual(questions({}), ['', '', '']);
    assert.deepEqual(questions({ stored: withOther(0) }), ['', '', '']);
    assert.deepEqual(questions({ stored: withOther(10) }), ['', '', '']);
    const { backup: _, ...away } = stored(null, { unknown: ['the store does not answer.'] });
    for (const known of [stored(null), away]) assert.deepEqual(questions({ stored: known }), ['', '', '']);
  });

  it('is asked about where more keys than may be missing are in no class', () => {
    const [half, empty, other] = questions({ stored: withOther(500) });
    assert.match(half ?? '', /The log is damaged in its middle: .* Serve /);
    assert.match(
      empty ?? '',
      /^500 of the 1,000 keys of backup \w+ are in no data class: whether they can be made again is not known\. Start Redis empty now\?/,
    );
    assert.match(other ?? '', /Start it with the older data\?/);
  });

  it('is, where a person has said so for this recovery', () =>
    assert.deepEqual(questions({ stored: withOther(500), isSaid: true }), ['', '', '']));

  it('is asked about with nothing to load, too', () => {
    const [start] = FAILURE_CLASSES.dead.actions({ ...observations(nothingThere), stored: withOther(70) });
    assert.match(start?.ask?.question ?? '', /is the disk mounted\? 70 of the 1,000 keys of backup \w+ are in no data class/);
  });
});

describe('a dead Redis that a recovery has restarted', () => {
  const planned = (restarted: { at: string; mended?: true }) =>
    FAILURE_CLASSES.dead.actions(observations(down({ data: data({ restarted }) })))[0]?.text ?? '';
  const ago = (seconds: number) => new Date(NOW_MS - seconds * 1000).toISOString();

  it('is said to be started only when a person has been asked, as it then is', () => {
    assert.match(
      planned({ at: ago(213) }),
      /^Start Redis; it loads .+\. A person is asked first: a recovery restarted it at 11:56:27 UTC, once in 10 min 00 s it may by itself\.$/,
    );
  });

  it('is started without a question when that is long ago', () => {
    assert.equal(planned({ at: ago(601) }), 'Start Redis; it loads what it has on its disk.');
  });
});

describe('a start that would serve less than a replica has', () => {
  const replica = (port: number, parts: Partial<RedisFacts> = {}) => ({
    address: `10.0.0.7:${port}`,
    look: {
      ...look('read-only'),
      facts: facts({ role: 'slave', keys: 5000, primary: 'redis:6379', primaryGoneSeconds: 0, ...parts }),
    },
  });
  const rdb = { bytes: 3000, modifiedAt: '2026-02-14T11:59:00.000Z', replid: 'history-one', replOffset: 1000 };
  const onlyRdb = { appendonly: false, aof: undefined };
  const actions = (failure: 'dead' | 'aof-damaged', all: ReturnType<typeof observations>) =>
    FAILURE_CLASSES[failure].actions({ ...all, settings: { ...all.settings, onDamage: 'ask' } });
  const names = (planned: ReturnType<typeof actions>) => planned.map(({ action }) => action);
  const PROTECTED = ['promote-replica', 'detach-replicas'];
  const notReplicas = [{ address: '10.0.0.8:6379', why: 'is a primary of its own' }];

  it('of a log that is damaged in its middle offers the replica, and lets it go before the half is served', () => {
    const damage = { name: 'a.aof', kind: 'garbage', where: 'middle', wholeBytes: 10, badBytes: 9, usableBytes: 10 } as const;
    const broken = data({ aof: aof({ damage: { ...damage, changedAt: '2026-02-14T11:59:00.000Z' } }) });
    const seen = observations({
      ...down({ data: broken }),
      replicas: [replica(1), replica(2), replica(3, { role: 'master' })],
      notReplicas,
    });
    const planned = actions('aof-damaged', seen);
    assert.deepEqual(names(planned), [...PROTECTED, 'mend-log']);
    const question = planned[0]?.ask?.question ?? '';
    assert.match(
      question,
      /only what its log has in front of a damage, and replica 10\.0\.0\.7:1 has 5,000 keys\. May it take over\?/,
    );
    assert.match(question, /Then 10\.0\.0\.7:2 \(5,000 keys\) follows it\./);
    assert.match(question, /10\.0\.0\.8:6379 is not a replica of main, it is a primary of its own: left alone\.$/);
    assert.match(
      planned[2]?.ask?.question ?? '',
      /replicas no longer follow, and keep their data: 10\.0\.0\.7:1 \(5,000 keys\), /,
    );
  });

  for (const [what, saved, parts, isOlder] of [
    ['is behind in their history', {}, { replOffset: 9000 }, true],
    ['lacks nothing but PINGs', {}, { replOffset: 1000 + 6 * 14 }, false],
    ['lacks more than the PINGs until the link broke', {}, { replOffset: 1000 + 6 * 14, primaryGoneSeconds: 50 }, true],
    ['is of another history, or of a time without replicas', { replid: 'earlier' }, {}, true],
    ['is of another history, and the replica has no key', { replid: 'earlier' }, { keys: 0 }, false],
  ] as const)
    it(`of an RDB that ${what}: ${isOlder ? 'it is protected' : 'it is just started'}`, () => {
      const seen = observations({
        ...down({ data: data({ ...onlyRdb, rdb: { ...rdb, ...saved } }) }),
        replicas: [replica(1, parts)],
      });
      const planned = actions('dead', seen);
      assert.deepEqual(names(planned), [...(isOlder ? PROTECTED : []), 'restart']);
      const { worstLoss } = FAILURE_CLASSES.dead;
      assert.equal(/Replica 10\.0\.0\.7:1 is further, and has 5,000 keys/.test(worstLoss(seen, undefined)), isOlder);
    });

  it('is none where Redis has saved as it ended, nor where its log has all', () => {
    const ended = { run: run('orderly-end'), end: { at: '2026-02-14T11:59:01.000Z', oom: 'no' as const, oomWhy: '' } };
    const { replid: _, replOffset: __, ...alone } = rdb;
    const saved = observations({ ...down({ ...ended, data: data({ ...onlyRdb, rdb: alone }) }), replicas: [replica(1)] });
    assert.deepEqual(names(actions('dead', saved)), ['restart']);
    const logged = observations({ ...down({ data: data({ rdb }) }), replicas: [replica(1)] });
    assert.deepEqual(names(actions('dead', logged)), ['restart']);
  });

  it('of a log that is cut at its end lets replicas go without a question, as does one that Redis cuts itself', () => {
    const damage = { name: 'a.aof', wholeBytes: 10, badBytes: 9, usableBytes: 10, changedAt: '2026-02-14T11:59:00.000Z' };
    const cut = (kind: 'zeros' | 'cut-command') =>
      observations({
        ...down({ data: data({ aof: aof({ damage: { ...damage, kind, where: 'end' } }) }) }),
        replicas: [replica(1), replica(2, { role: 'master' })],
      });
    for (const [failure, kind, start] of [
      ['aof-damaged', 'zeros', 'mend-log'],
      ['dead', 'cut-command', 'restart'],
    ] as const) {
      const planned = actions(failure, cut(kind));
      assert.deepEqual(names(planned), ['detach-replicas', start]);
      assert.deepEqual(
        planned.map(({ ask }) => ask),
        [undefined, undefined],
      );
      assert.match(planned[0]?.text ?? '', /^Detach 10\.0\.0\.7:1 \(5,000 keys\), so/);
    }
  });

  it('and is empty is asked about before replicas are let go for it: one question for both', () => {
    const damage = { name: 'a.aof', kind: 'garbage', where: 'middle', wholeBytes: 0, badBytes: 9, usableBytes: 0 } as const;
    const broken = data({ aof: aof({ damage: { ...damage, changedAt: '2026-02-14T11:59:00.000Z' } }) });
    const planned = actions('aof-damaged', observations({ ...down({ data: broken }), replicas: [replica(1)] }));
    assert.deepEqual(names(planned), [...PROTECTED, 'set-aside', 'start-empty']);
    assert.match(planned[3]?.ask?.question ?? '', /Start Redis empty now\?/);
    assert.deepEqual(planned[1]?.ask, planned[3]?.ask);
  });
});

describe('a Redis that answers nobody', () => {
  const replica = (parts: Partial<RedisFacts>) => ({
    address: '10.0.0.7:1',
    look: { ...look('read-only'), facts: facts({ role: 'slave', keys: 5000, replOffset: 9000, ...parts }) },
  });
  const rdb = { bytes: 3000, modifiedAt: '2026-02-14T11:59:00.000Z', replid: 'history-one', replOffset: 1000 };
  const actions = (parts: Parameters<typeof data>[0] | undefined, of: Partial<RedisFacts> = {}) => {
    const there = platform(true, { local: look('silent'), ...(parts ? { data: data(parts) } : {}) });
    const { data: _, ...unseen } = there;
    return FAILURE_CLASSES.silent.actions(
      observations({ worker: look('silent'), platform: parts ? there : unseen, replicas: [replica(of)] }),
    );
  };
  const names = (planned: ReturnType<typeof actions>) => planned.map(({ action }) => action);
  const ONLY_RDB = { appendonly: false, aof: undefined };

  for (const [what, parts, of] of [
    ['whose RDB is behind its replica', { ...ONLY_RDB, rdb }, {}],
    ['with nothing on its disk', ONLY_RDB, {}],
    ['whose files nobody could look at', undefined, {}],
    [
      'whose log is older than its RDB',
      { rdb: { ...rdb, bytes: 9000 }, aof: aof({ writtenAt: '2026-02-14T11:00:00.000Z' }) },
      {},
    ],
  ] as const)
    it(`and ${what} has that let go before a kill, which the question says`, () => {
      const planned = actions(parts, of);
      assert.deepEqual(names(planned), ['detach-replicas', 'restart']);
      assert.match(planned[0]?.text ?? '', /^If it ends without a save: detach 10\.0\.0\.7:1 \(5,000 keys\)/);
      assert.match(
        planned[1]?.ask?.question ?? '',
        /before it is started 10\.0\.0\.7:1 .* no longer follows main, and keeps its data\.$/,
      );
    });

  for (const [what, parts, of] of [
    ['whose log has all', {}, {}],
    ['whose RDB has all', { ...ONLY_RDB, rdb: { ...rdb, replOffset: 9000 } }, {}],
    ['whose replica has no key', { ...ONLY_RDB, rdb }, { keys: 0 }],
    ['whose replica is a primary by now', { ...ONLY_RDB, rdb }, { role: 'master' }],
  ] as const)
    it(`and ${what} leaves replicas as they are`, () => assert.deepEqual(names(actions(parts, of)), ['restart']));
});
