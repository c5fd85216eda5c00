import assert from 'node:assert/strict';
import { ownerKey, pinKey } from '../../repository/layout.ts';
import { Repository } from '../../repository/repository.ts';
import { readText } from '../../repository/small-objects.ts';
import { openStore } from '../support/open-store.ts';
import { bytes, refuses } from './bodies.ts';
import { inEachPlace, refAt } from './places.ts';

const DAY_MS = 24 * 3600_000;

inEachPlace('Pins and the owner of a repository', (place) => {
  let repository: Repository;
  beforeEach(() => {
    repository = new Repository(openStore(place().location));
  });
  afterEach(() => repository.close());

  it('keeps pins until they end', async () => {
    const ref = refAt(13, 'pinned');
    await repository.pins(ref).put({ backupId: ref.backupId, planId: 'restore/main/1', untilMs: 1_000, reason: 'a plan' });
    await repository
      .pins(ref)
      .put({ backupId: ref.backupId, planId: 'restore/main/1', untilMs: 2_000, reason: 'the same plan, later' });
    await repository.pins(ref).put({ backupId: ref.backupId, planId: 'b', untilMs: Date.now() + DAY_MS, reason: 'another' });
    const pins = await repository.pins({ instance: 'pinned', shard: '0' }).list();
    assert.deepEqual(pins.map(({ planId, untilMs }) => [planId, untilMs < 3_000]).sort(), [
      ['b', false],
      ['restore/main/1', true],
    ]);
    const swept = await repository.sweep({ instance: 'pinned', shard: '0' }, { olderThanMs: DAY_MS });
    assert.deepEqual(
      swept.map(({ why }) => why),
      ['pin has ended'],
    );
    assert.deepEqual(
      (await repository.pins({ instance: 'pinned', shard: '0' }).list()).map(({ planId }) => planId),
      ['b'],
    );
  });

  it('stops at a pin that it cannot read: it may protect anything', async () => {
    await repository.store.put('badpin/0/pins/20260214T060000Z/x.json', bytes('{"formatVersion": 2}'));
    await refuses(repository.pins({ instance: 'badpin', shard: '0' }).list(), 'MANIFEST_INVALID', /badpin/);
  });

  it('stops at a pin that was changed or moved after it was written: the snapshot would be deleted too early', async () => {
    const ref = refAt(13, 'liar');
    await repository.pins(ref).put({ backupId: ref.backupId, planId: 'plan', untilMs: Date.UTC(2026, 1, 15), reason: 'a plan' });
    const [{ key } = { key: '' }] = await repository.pins({ instance: 'liar', shard: '0' }).list();
    const text = (await readText(repository.store, key, 10_000)) ?? '';
    await repository.store.put(key, bytes(text.replace('2026-02-15', '2026-02-13')));
    await refuses(
      repository.pins({ instance: 'liar', shard: '0' }).list(),
      'MANIFEST_INVALID',
      /plan.json is no pin .*: it has another digest than it says/,
    );
    await repository.store.put(key, bytes(text));
    await repository.store.put(pinKey(refAt(14, 'liar'), 'plan'), bytes(text));
    await refuses(
      repository.pins({ instance: 'liar', shard: '0' }).list(),
      'MANIFEST_INVALID',
      /is no pin .*: it is of backup \w+ and plan plan/,
    );
  });

  it('believes no owner that was changed after it was written', async () => {
    const { store } = repository;
    await repository
      .ownership('own')
      .claim({ instance: 'own', address: '10.0.0.5:6379', since: '2026-08-01T06:00:00.000Z', before: [] });
    assert.equal((await repository.ownership('own').read())?.address, '10.0.0.5:6379');
    const text = (await readText(store, ownerKey('own'), 10_000)) ?? '';
    await store.put(ownerKey('own'), bytes(text.replace('10.0.0.5', '10.0.0.6')));
    await refuses(repository.ownership('own').read(), 'MANIFEST_INVALID', /does not say whose .* are: it has another digest/);
    await store.put(ownerKey('other'), bytes(text));
    await refuses(repository.ownership('other').read(), 'MANIFEST_INVALID', /it is of instance own/);
  });
});
