import assert from 'node:assert/strict';
import type { LiveFacts } from '../../../../model/restore/plan/facts.ts';
import { planDigestSource } from '../../../../model/restore/plan/plan.ts';
import { renderPlan } from '../../../../model/restore/plan/text.ts';
import { appendOnly, log, manifest, NOW_MS, planOf as plan, server, target } from '../../../fixtures/plan.ts';

const facts = (overrides: Partial<LiveFacts> = {}): LiveFacts => ({
  product: 'redis',
  version: '7.0.15',
  runId: 'a'.repeat(40),
  role: 'master',
  isLoading: false,
  usedMemoryBytes: 300_000_000,
  systemMemoryBytes: 8_000_000_000,
  modules: [],
  isCluster: false,
  sentinels: 0,
  isTlsReplication: false,
  minReplicasToWrite: 0,
  settings: { masterauth: 'none' },
  path: { isReachable: true },
  workerAddress: '10.0.0.5',
  ...overrides,
});

describe('A plan of strategy live', () => {
  it('stops nobody, and says for how long writes are refused', () => {
    const live = plan({ live: facts() });
    assert.deepEqual([live.strategy, live.downtimeSeconds, live.refusals], ['live', 0, []]);
    assert.equal(live.live?.load, 'swapdb');
    assert.ok((live.live?.writesRefusedSeconds ?? 0) >= 2);
    assert.match(renderPlan(live), /Reads are served from the old data all the time\. Writes get READONLY for about \d+ s/);
  });

  it('says that Redis 6.2 does not serve reads meanwhile', () => {
    const live = plan({ live: facts({ version: '6.2.14' }) });
    assert.equal(live.live?.load, 'disk');
    assert.match(renderPlan(live), /Reads answer LOADING while it is loaded/);
  });

  it('is refused where its own files of the new data have no room', () => {
    const { refusals } = plan({ live: facts({ appendonly: true, disk: { dir: '/data', freeBytes: 1_000_000 } }) });
    const says = /\/data of main has 1\.0 MB free, and its own files of the new data take about 100\.0 MB beside the old ones/;
    assert.deepEqual(
      refusals.map(({ code }) => code),
      ['TARGET_DISK_FULL'],
    );
    assert.match(refusals[0]?.message ?? '', says);
  });

  it('says where nobody knows whether the disk has room for its own files, and asks for none where it keeps none', () => {
    const unknown = /its disk has the room to write its own files anew \(about 100\.0 MB\) is not known here/;
    const warns = (more: Partial<LiveFacts>): boolean => plan({ live: facts(more) }).warnings.some((one) => unknown.test(one));
    assert.deepEqual([warns({ appendonly: true }), warns({ save: '60 1' }), warns({ save: '' })], [true, true, false]);
    assert.deepEqual(plan({ live: facts({ save: '', disk: { dir: '/data', freeBytes: 0 } }) }).refusals, []);
  });

  const UNMET: [string, Partial<LiveFacts>, RegExp][] = [
    ['a node of a cluster', { isCluster: true }, /is a node of a Redis Cluster/],
    ['a replica', { role: 'slave' }, /is a replica/],
    ['a Redis that loads', { isLoading: true }, /is loading its own data/],
    ['a Redis that Sentinel watches', { sentinels: 3 }, /3 Sentinels watch main/],
    ['replication over TLS', { isTlsReplication: true }, /tls-replication yes/],
    [
      'a masterauth that nobody could put back',
      { settings: { masterauth: 'unknown' } },
      /has a masterauth that could not be put back/,
    ],
    ['a closed path', { path: { isReachable: false, why: 'IOERR' } }, /cannot connect to the worker at 10\.0\.0\.5: IOERR/],
    ['too little memory for both data sets', { systemMemoryBytes: 400_000_000 }, /old and new data stand side by side/],
  ];
  for (const [what, unmet, message] of UNMET) {
    it(`refuses ${what} by name, and offers replace`, () => {
      const { refusals } = plan({ live: facts(unmet) });
      assert.equal(refusals.length, 1);
      assert.match(refusals[0]?.message ?? '', message);
      assert.match(refusals[0]?.next ?? '', /Or use --strategy replace\.$/);
    });
  }

  it('warns of what it cannot know, and of what clients will feel', () => {
    const { warnings } = plan({ live: facts({ sentinels: undefined, path: undefined, modules: ['search'] }), log: log() });
    for (const part of [
      'whether a Sentinel watches it could not be asked',
      'whether Redis can connect to the worker could not be tried',
      'with modules (search)',
      'reads see the old data, then the backup, and then the log',
      'clients that block',
    ]) {
      assert.ok(
        warnings.some((warning) => warning.includes(part)),
        part,
      );
    }
  });

  it('is another plan than that of replace', () => {
    assert.notEqual(planDigestSource(plan({ live: facts() })), planDigestSource(plan()));
  });
});

describe('A plan with a log', () => {
  const appendonly = { target: target({ layout: appendOnly() }) };

  it('loses only what came after the cut, and revives nobody who has signed out', () => {
    const { losses } = plan({ ...appendonly, log: log() });
    assert.deepEqual(losses.writes, { fromMs: NOW_MS - 2000, seconds: 2 });
    assert.deepEqual(losses.revived, []);
    assert.ok(plan(appendonly).losses.revived.length > 0, 'a snapshot alone does');
  });

  it('names base, stretch and cut', () => {
    const text = renderPlan(plan({ ...appendonly, log: log() }));
    assert.match(text, /^Restore main as it was 2026-08-01 08:29:58\.000 UTC, 2 s ago\n/);
    assert.match(
      text,
      /from backup 20260801T060000Z, .* and 81\.0 MB of log, offsets 1000 to 81000000 of timeline b{40}-0000000000001000/,
    );
  });

  it('wants room for backup and log', () => {
    const difference = plan({ ...appendonly, log: log() }).space.neededBytes - plan(appendonly).space.neededBytes;
    assert.equal(difference, log().bytes);
  });

  it('wants the room in which a Redis before 7.0 has both joined', () => {
    const old = { target: target({ layout: appendOnly(), server: server({ version: '6.2.14' }) }) };
    const { rdbBytes, space } = plan({ ...old, log: log() });
    assert.ok(space.neededBytes >= 2 * (rdbBytes + log().bytes));
  });

  it('refuses a server that starts without append-only file, and names strategy live', () => {
    const { refusals } = plan({ log: log() });
    assert.match(refusals[0]?.message ?? '', /starts with appendonly no/);
    assert.match(refusals[0]?.next ?? '', /--strategy live/);
  });

  it('warns of a log whose times to live are not moments', () => {
    const old = manifest({ server: server({ version: '6.2.14' }) });
    assert.ok(
      plan({ ...appendonly, manifest: old, log: log() }).warnings.some((one) => one.includes('writes into its log how long')),
    );
  });
});
