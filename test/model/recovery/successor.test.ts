import assert from 'node:assert/strict';
import type { RedisFacts } from '../../../model/health-report.ts';
import { diagnose } from '../../../model/recovery/diagnose.ts';
import type { Observations, RepositoryObservations } from '../../../model/recovery/observations.ts';
import { assessmentText } from '../../../model/recovery/text.ts';
import { data, down, failedStart, look, observations, run, stored } from '../../fixtures/observations.ts';

const ADDRESS = '10.0.0.7:6379';
const replica = (parts: Partial<RedisFacts> = {}, address = ADDRESS) => ({
  address,
  look: look('serves', { keys: 5700, replid: 'since', replid2: 'history-one', replOffset: 1_000_000, ...parts }),
});
const backup = (offset: number, replid = 'history-one'): RepositoryObservations => {
  const { backup, ...others } = stored();
  return { ...others, backup: { ...(backup ?? assert.fail()), replication: { replid, offset } } };
};
const told = (parts: Partial<Observations> = {}) =>
  diagnose(observations({ ...down(), replicas: [replica()], stored: backup(1_000_000), ...parts }));
const actions = (parts: Partial<Observations> = {}) => told(parts).actions.map(({ action }) => action);

describe('A former replica that is a primary by now', () => {
  it('serves in the place of a Redis that is down, which is not started beside it without a yes', () => {
    const seen = told();
    assert.equal(seen.failure, 'dead');
    assert.deepEqual(seen.successor, { address: ADDRESS, keys: 5700 });
    assert.deepEqual(
      seen.actions.map(({ action, ask }) => [action, ask?.otherwise]),
      [
        ['start-beside', 'stop'],
        ['restart', undefined],
      ],
    );
    assert.match(
      seen.actions[0]?.ask?.question ?? '',
      /^10\.0\.0\.7:6379, which was a replica of main, is a primary by now and serves in its place\. May main be started .+ it loads what it has on its disk.+two primaries/,
    );
    assert.match(seen.evidence[0] ?? '', /^10\.0\.0\.7:6379, .+ with 5,700 keys: it serves in its place\.$/);
    assert.match(seen.clients, /10\.0\.0\.7:6379 serves in its place/);
    assert.match(seen.worstLoss, /What 10\.0\.0\.7:6379 was told since it is a primary, main lacks\.$/);
  });

  it('is not asked whether it takes over, and no empty one is started beside it by itself', () => {
    assert.deepEqual(actions(failedStart('rdb-checksum')), ['start-beside', 'detach-replicas', 'set-aside', 'start-empty']);
    assert.deepEqual(actions(down({ data: data({ aof: undefined }) })), ['start-beside', 'detach-replicas', 'restart']);
  });

  it('is told of where nothing would be started, and both ways with it', () => {
    const seen = told(failedStart('config-file'));
    assert.deepEqual([seen.failure, seen.actions, seen.successor?.address], ['bad-configuration', [], ADDRESS]);
    const text = assessmentText({ ...seen, digest: '' });
    assert.match(text, /a recovery would change nothing$/m);
    assert.match(text, /to do: Point the applications at 10\.0\.0\.7:6379, and url of instances\.main too\./);
    assert.match(text, /to do: Or have main serve instead, .+`redis-backup recover main`, approve/);
    const { platform: _, ...unseen } = down();
    assert.equal(told({ ...unseen, platform: undefined } as Partial<Observations>).successor?.address, ADDRESS);
  });

  it('is whom applications are at work with', () => {
    const applications = [{ name: 'shop', kind: 'http', verdict: 'connected', detail: '' }] as const;
    assert.deepEqual([told({ applications }).failure, told({ applications }).successor?.address], ['dead', ADDRESS]);
    assert.notEqual(told({ applications, replicas: [] }).failure, 'dead');
  });

  it('is the one that is furthest', () => {
    const replicas = [replica({ keys: 9000 }), replica({ replOffset: 1_000_001 }, '10.0.0.8:6379')];
    assert.equal(told({ replicas }).successor?.address, '10.0.0.8:6379');
  });

  const none: Record<string, Partial<Observations>> = {
    'still follows': { replicas: [replica({ role: 'slave', primary: 'redis:6379' })] },
    'has no key': { replicas: [replica({ keys: 0 })] },
    'loads its data': { replicas: [replica({ loading: true })] },
    'was left behind by what Redis had when it was backed up': { stored: backup(2_000_000) },
    'is of a history before that of the newest backup': { stored: backup(1, 'history-two') },
    'was let go by this recovery': { beside: [ADDRESS] },
    'has a Redis beside it that lives': { worker: look('serves'), platform: undefined } as Partial<Observations>,
    'was left behind by the files of Redis': {
      ...down({
        data: data({ rdb: { bytes: 9, modifiedAt: '2026-02-14T11:59:00.000Z', replid: 'history-two', replOffset: 9 } }),
      }),
    },
  };
  for (const [what, parts] of Object.entries(none))
    it(`is none if it ${what}`, () => {
      assert.equal(told(parts).successor, undefined);
      assert.ok(!actions(parts).includes('start-beside'));
    });

  it('may lack what was on its way when it was promoted', () => {
    assert.equal(told({ stored: backup(1_000_500) }).successor?.address, ADDRESS);
  });

  it('leaves a Redis that fell to its memory limit down, too', () => {
    assert.deepEqual(actions(down({ run: run('own-memory') })).slice(0, 1), ['start-beside']);
  });
});
