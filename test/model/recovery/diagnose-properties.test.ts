import assert from 'node:assert/strict';
import fc from 'fast-check';
import { HEALTH_VERDICTS } from '../../../model/health-report.ts';
import { diagnose, digestSource } from '../../../model/recovery/diagnose.ts';
import { FAILURE_CLASSES } from '../../../model/recovery/failure-classes.ts';
import type { Observations } from '../../../model/recovery/observations.ts';
import { aof, data, down, facts, look, observations, platform, run } from '../../fixtures/observations.ts';

const anySigns: fc.Arbitrary<Observations> = fc
  .record({
    worker: fc.constantFrom(...HEALTH_VERDICTS),
    local: fc.constantFrom(...HEALTH_VERDICTS),
    there: fc.constantFrom('running', 'gone', 'unknown', 'unseen'),
    crashLoop: fc.boolean(),
    keys: fc.constantFrom(0, 5, 1000),
    ids: fc.subarray([
      'aof-not-last',
      'rdb-short',
      'rdb-version',
      'module-type',
      'config-file',
      'no-space',
      'orderly-end',
    ] as const),
    isReady: fc.boolean(),
    appendonly: fc.boolean(),
    manifest: fc.constantFrom('present', 'missing', 'unusable'),
    orphans: fc.constantFrom<string[]>([], ['appendonly.aof.2.base.rdb']),
    replicaKeys: fc.constantFrom(undefined, 0, 900),
    application: fc.constantFrom(undefined, 'connected', 'missing', 'cannot be told'),
    onDamage: fc.constantFrom('ask', 'serve-empty'),
  })
  .map((some) => {
    const log = { ...run(...some.ids), ready: some.isReady };
    const parts = {
      run: log,
      data: data({ appendonly: some.appendonly, aof: aof({ manifest: some.manifest as 'present', orphans: some.orphans }) }),
      server: {
        running: some.there === 'unknown' ? ('unknown' as const) : some.there === 'running',
        crashLoop: some.crashLoop,
        restartsByItself: some.crashLoop,
      },
      local: look(some.local, { keys: some.keys }),
    };
    const base = observations();
    return {
      ...base,
      worker: look(some.worker, { keys: some.keys }),
      ...(some.there === 'unseen' ? {} : { platform: platform(some.there === 'running', parts) }),
      replicas:
        some.replicaKeys === undefined
          ? []
          : [{ address: 'r:1', look: { ...look('read-only'), facts: facts({ keys: some.replicaKeys }) } }],
      applications: some.application
        ? [{ name: 'shop', kind: 'http' as const, verdict: some.application as 'connected', detail: 'x' }]
        : [],
      settings: { ...base.settings, onDamage: some.onDamage as 'ask' },
    };
  });

describe('Whatever is seen of a Redis', () => {
  const runs = { numRuns: Number(process.env.CASES ?? 2000) };

  it('it is restarted unasked only where that helps, or after its cause has been removed', () => {
    fc.assert(
      fc.property(anySigns, (some) => {
        const { failure, actions } = diagnose(some);
        const restart = actions.findIndex(({ action, ask }) => action === 'restart' && !ask);
        if (restart < 0 || FAILURE_CLASSES[failure].restartHelps) return;
        assert.ok(
          actions.slice(0, restart).some(({ action }) => action === 'rebuild-manifest'),
          JSON.stringify({ failure, actions }),
        );
      }),
      runs,
    );
  });

  it('this worker alone condemns nothing: without its machine there is no act on process or files', () => {
    fc.assert(
      fc.property(anySigns, ({ platform: _, ...some }) => {
        const { failure, actions } = diagnose(some);
        const local = ['restart', 'set-aside', 'start-empty', 'rebuild-manifest', 'detach-replicas', 'promote-replica'];
        assert.ok(!actions.some(({ action }) => local.includes(action)), JSON.stringify({ failure, actions }));
      }),
      runs,
    );
  });

  it('one that serves on its own machine is not restarted unasked, whatever this worker sees, unless it lost its files from sight', () => {
    fc.assert(
      fc.property(anySigns, (some) => {
        if (some.platform?.server.running !== true || some.platform.local?.verdict !== 'serves') return;
        const { failure, actions } = diagnose(some);
        if (failure === 'aof-manifest-lost') return;
        assert.ok(
          actions.every(({ action, ask }) => ask || !['restart', 'start-empty'].includes(action)),
          JSON.stringify({ failure, actions }),
        );
      }),
      runs,
    );
  });

  it('nothing starts empty before what is damaged is aside and replicas are out of harm', () => {
    fc.assert(
      fc.property(anySigns, (some) => {
        const { actions } = diagnose(some);
        const names = actions.map(({ action }) => action);
        const empty = names.indexOf('start-empty');
        if (empty < 0) return;
        assert.ok(names.indexOf('set-aside') >= 0 && names.indexOf('set-aside') < empty);
        if (some.replicas.some(({ look }) => (look.facts?.keys ?? 0) > 0)) {
          assert.ok(names.indexOf('detach-replicas') >= 0 && names.indexOf('detach-replicas') < empty);
        }
        if (some.settings.onDamage === 'ask') assert.equal(actions[empty]?.ask?.otherwise, 'proceed');
      }),
      runs,
    );
  });

  it('promotion and making a primary are asked, and the digest names exactly the acts', () => {
    fc.assert(
      fc.property(anySigns, anySigns, (one, two) => {
        const [a, b] = [diagnose(one), diagnose(two)];
        for (const { action, ask } of a.actions)
          if (['promote-replica', 'make-primary', 'kill-script'].includes(action)) assert.ok(ask);
        const isSame = a.failure === b.failure && JSON.stringify(a.actions) === JSON.stringify(b.actions);
        assert.equal(digestSource(a) === digestSource(b), isSame);
      }),
      runs,
    );
  });

  it('of a Redis that is down says that a restart does not help where its next start was refused, and tries it all the same', () => {
    const { failure, restartHelps, evidence, actions, advice, changed } = diagnose(
      observations(down({ nextStart: { outcome: 'fails', lastLines: "Bad directive 'nothing'" } })),
    );
    assert.deepEqual([failure, restartHelps], ['dead', false]);
    assert.equal(evidence[0], "Its own redis.conf, started beside it, is refused by Redis: Bad directive 'nothing'");
    assert.deepEqual(
      actions.map(({ action }) => action),
      ['restart'],
    );
    assert.match(advice.join(' '), /Correct what Redis complains of/);
    assert.deepEqual(changed, ["It would not start: its redis.conf is refused (Bad directive 'nothing')."]);
  });
});
