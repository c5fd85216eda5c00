import assert from 'node:assert/strict';
import { diagnose } from '../../../model/recovery/diagnose.ts';
import { FAILURE_CLASSES, type FailureClass } from '../../../model/recovery/failure-classes.ts';
import type { LeftBehind } from '../../../model/recovery/left-behind.ts';
import type { SignatureId } from '../../../model/recovery/log-signatures.ts';
import type { Observations, PlatformObservations } from '../../../model/recovery/observations.ts';
import { aof, data, down, failedStart, look, NOW_MS, observations, platform, run } from '../../fixtures/observations.ts';

const ago = (ms: number): string => new Date(NOW_MS - ms).toISOString();
const [EARLIER, ENDED, LATER] = [ago(3000), ago(2000), ago(1000)];
const mended = (id: SignatureId, files: NonNullable<PlatformObservations['files']>): Partial<Observations> =>
  down({ run: { ...run(id), ready: false }, files: { loggedAt: ENDED, ...files } });

const MOVED_AWAY: LeftBehind = {
  ...{ operationId: 'one', phase: 'aside', at: '2026-02-14T11:50:00Z', directory: '/data/.redis-backup/one' },
  ...{ bytes: 2_000_000, asideBytes: 1_900_000, asideKeys: 20_001, unfinished: true },
};

const [AN_HOUR_AGO, A_MINUTE_AGO] = [ago(3_600_000), ago(60_000)];

const CASES: [title: string, failure: FailureClass, parts: Partial<Observations>, actions: string[]][] = [
  ['one that serves', 'healthy', {}, []],
  ['a process that is gone', 'dead', down(), ['restart']],
  ['one that was stopped in order', 'dead', down({ run: run('orderly-end', 'asked-to-end') }), ['restart']],
  ['one that the kernel killed', 'oom-killed', down({ end: { oom: 'yes', oomWhy: 'the kernel says so' } }), ['restart']],
  ['one that got no memory', 'oom-killed', down({ run: run('own-memory') }), ['restart']],
  ['one that loads', 'loading', { worker: look('loading') }, ['await-load']],
  [
    'a damaged RDB',
    'rdb-damaged',
    down({ run: run('rdb-checksum'), data: data({ appendonly: false, aof: undefined }) }),
    ['set-aside', 'start-empty'],
  ],
  [
    'data that an operation has moved away and not put back',
    'data-aside',
    down({ data: data({ leftBehind: [MOVED_AWAY] }) }),
    ['put-back-data', 'restart'],
  ],
  [
    'a log that appendonly no would not load, and that is newer than the RDB',
    'newer-ignored',
    down({
      data: data({ appendonly: false, rdb: { bytes: 9_000, modifiedAt: AN_HOUR_AGO }, aof: aof({ writtenAt: A_MINUTE_AGO }) }),
    }),
    ['set-aside', 'restart'],
  ],
  [
    'an RDB that is newer and larger than the log that would be loaded',
    'newer-ignored',
    down({ data: data({ rdb: { bytes: 9_000, modifiedAt: A_MINUTE_AGO }, aof: aof({ writtenAt: AN_HOUR_AGO }) }) }),
    ['set-aside', 'restart'],
  ],
  [
    'an RDB that was saved later than anything was written to the log',
    'dead',
    down({ data: data({ rdb: { bytes: 1_500, modifiedAt: A_MINUTE_AGO }, aof: aof({ writtenAt: AN_HOUR_AGO }) }) }),
    ['restart'],
  ],
  [
    'a log that was written before appendonly no, and an RDB since',
    'dead',
    down({
      data: data({ appendonly: false, rdb: { bytes: 9_000, modifiedAt: A_MINUTE_AGO }, aof: aof({ writtenAt: AN_HOUR_AGO }) }),
    }),
    ['restart'],
  ],
  ['a damaged log', 'aof-damaged', failedStart('aof-format'), ['set-aside', 'start-empty']],
  ['a damaged base of a log', 'aof-damaged', failedStart('rdb-short'), ['set-aside', 'start-empty']],
  [
    'a lost manifest',
    'aof-manifest-lost',
    down({ data: data({ aof: aof({ manifest: 'missing' }) }) }),
    ['set-aside', 'rebuild-manifest', 'restart'],
  ],
  [
    'a dump.rdb that was ignored',
    'rdb-ignored',
    {
      worker: look('serves', { keys: 0, uptimeSeconds: 60 }),
      platform: platform(true, {
        data: data({ rdb: { bytes: 1_000_000, modifiedAt: new Date(NOW_MS - 3_600_000).toISOString() } }),
      }),
    },
    ['set-aside'],
  ],
  [
    'an RDB that does not match its checksum',
    'rdb-damaged',
    down({ data: data({ appendonly: false, rdb: { bytes: 9_000, modifiedAt: A_MINUTE_AGO, damaged: true } }) }),
    ['set-aside', 'start-empty'],
  ],
  ['data of a newer Redis', 'data-too-new', failedStart('rdb-version', 'rdb-fatal'), []],
  ['a missing module', 'module-missing', failedStart('module-type'), []],
  ['a module command in the log', 'module-missing', failedStart('module-command', 'aof-command'), []],
  ['a disabled command in the log', 'log-refused', failedStart('aof-command', 'aof-garbage'), []],
  ['bytes in the log that are no command', 'aof-damaged', failedStart('aof-garbage'), ['set-aside', 'start-empty']],
  ['a refused configuration', 'bad-configuration', failedStart('config-file'), []],
  ['TLS files that are gone', 'bad-configuration', failedStart('tls'), []],
  ['protected mode', 'bad-configuration', { worker: look('protected') }, []],
  [
    'a directory that is gone',
    'directory-unusable',
    down({ data: { dir: '/data', appendonly: true, unusable: 'it is not there' } }),
    [],
  ],
  ['a directory that may not be read', 'directory-unusable', failedStart('no-access'), []],
  [
    'a full disk, alive',
    'disk-full',
    { worker: look('misconf'), platform: platform(true, { data: data({ freeBytes: 0 }) }) },
    [],
  ],
  ['a full disk, down', 'disk-full', down({ run: { ...run('no-space'), ready: false }, data: data({ freeBytes: 0 }) }), []],
  ['a disk that has room again', 'dead', failedStart('no-space'), ['restart']],
  ['a save that fails', 'save-failing', { worker: look('misconf'), platform: platform(true, { run: run('fork-failed') }) }, []],
  ['its own limit', 'memory-full', { worker: look('full') }, []],
  ['one that came back empty', 'empty', { worker: look('serves', { keys: 0 }) }, []],
  ['a script without end', 'script-busy', { worker: look('busy') }, ['kill-script?']],
  ['too many clients', 'clients-full', { worker: look('clients-full') }, []],
  ['another password', 'password-refused', { worker: look('password') }, []],
  [
    'a replica without a primary',
    'read-only',
    { worker: look('read-only', { role: 'slave', primary: 'old:6379' }), primary: look('refused') },
    ['make-primary?'],
  ],
  [
    'a replica with its primary',
    'read-only',
    { worker: look('read-only', { role: 'slave', primary: 'old:6379' }), primary: look('serves') },
    [],
  ],
  [
    'one that is silent on two sides',
    'silent',
    { worker: look('silent'), platform: platform(true, { local: look('silent') }) },
    ['restart?'],
  ],
  ['a network that is cut', 'cut-off', { worker: look('unreachable'), platform: platform(true) }, []],
  ['something else at its address', 'wrong-endpoint', { worker: look('not-redis'), platform: platform(true) }, []],
  [
    'another Redis at its address',
    'wrong-endpoint',
    { worker: look('serves', { runId: 'run-two' }), platform: platform(true) },
    [],
  ],
  [
    'a port that is taken',
    'wrong-endpoint',
    down({ run: { ...run('address-in-use'), ready: false }, local: look('silent') }),
    [],
  ],
  ['a port that is free again', 'dead', failedStart('address-in-use'), ['restart']],
  ['a configuration that was changed since', 'dead', mended('config-file', { configChangedAt: LATER }), ['restart']],
  ['a configuration that was changed before', 'bad-configuration', mended('config-file', { configChangedAt: EARLIER }), []],
  ['a newer program', 'dead', mended('rdb-version', { binaryChangedAt: LATER }), ['restart']],
  ['a module that was added', 'dead', mended('module-type', { configChangedAt: LATER }), ['restart']],
  [
    'one that ends again and again',
    'cannot-start',
    down({ server: { running: false, crashLoop: true, restartsByItself: true }, run: { ...run('crash'), ready: false } }),
    ['restart'],
  ],
  ['a worker that is alone with what it sees', 'unknown', { worker: look('refused') }, []],
];

const actsOf = (parts: Partial<Observations>): string[] =>
  diagnose(observations(parts)).actions.map(({ action, ask }) => (ask ? `${action}?` : action));

describe('What is wrong with a Redis', () => {
  for (const [title, failure, parts, actions] of CASES) {
    it(`is told of ${title}: ${failure}`, () => {
      const told = diagnose(observations(parts));
      assert.equal(told.failure, failure, JSON.stringify(told));
      assert.deepEqual(actsOf(parts), actions);
      assert.ok(
        told.evidence.length > 0 && told.clients !== '' && /\d|Nothing that was on its disk|cannot be told/.test(told.worstLoss),
        JSON.stringify(told),
      );
      if (actions.length === 0 && failure !== 'healthy' && failure !== 'empty')
        assert.ok(told.advice.length > 0, 'it says what to do instead');
    });
  }

  for (const [title, failure, parts] of CASES)
    it(`claims nothing of the keys of a Redis that nobody could ask: ${title}`, () => {
      const { worstLoss } = diagnose(observations(parts));
      const { worker, platform } = observations(parts);
      const isAsked = [worker, platform?.local].some((one) => one?.facts && one.facts.runId !== 'run-two');
      if (!isAsked) assert.doesNotMatch(worstLoss, /Nothing is lost|\(0 keys\)|Redis has/);
      if (['clients-full', 'password-refused', 'unknown'].includes(failure))
        assert.match(worstLoss, /^Unknown: Redis could not be asked/);
      if (failure === 'bad-configuration' && parts.platform) assert.match(worstLoss, /^Once it starts: about 1 s/);
    });

  it('says of a process that ended by itself over its configuration what its log says, and not that it was killed', () => {
    const { failure, evidence } = diagnose(observations(failedStart('config-file')));
    assert.equal(failure, 'bad-configuration');
    assert.doesNotMatch(evidence.join(), /SIGKILL|killed/);
    const silent = diagnose(observations(down({ run: { ready: false, loading: true, signs: [] } })));
    assert.match(silent.evidence.join(), /while it was starting, and does not say why/);
    const ready = diagnose(observations(down({ run: { ready: true, loading: true, signs: [] } })));
    assert.match(ready.evidence.join(), /killed \(SIGKILL\), or the machine went down/);
  });

  it('is told of every class that there is', () => {
    const seen = new Set(CASES.map(([, failure]) => failure));
    assert.deepEqual(
      Object.keys(FAILURE_CLASSES).filter((name) => !seen.has(name as FailureClass)),
      [],
    );
  });

  it('is what the machine of Redis says while a supervisor brings it up again and again, even if it loads just now', () => {
    const looping = platform(true, {
      server: { running: true, name: 'process 7', crashLoop: true, restartsByItself: true },
      run: { ready: false, loading: true, signs: [] },
      earlierRun: run('rdb-checksum'),
      local: look('loading'),
      data: data({ appendonly: false, aof: undefined }),
    });
    const told = diagnose(observations({ worker: look('loading'), platform: looping }));
    assert.equal(told.failure, 'rdb-damaged');
  });

  it('is not death where applications are served by another one', () => {
    const told = diagnose(
      observations({
        ...down(),
        applications: [{ name: 'shop', kind: 'http', verdict: 'connected', detail: '1 of 1 seen at work' }],
      }),
    );
    assert.deepEqual([told.failure, told.actions], ['unknown', []]);
    assert.match(told.advice.join(), /two primaries/);
  });

  it('names what changed since the backup and lately', () => {
    const files = {
      configChangedAt: new Date(NOW_MS - 60_000).toISOString(),
      binaryChangedAt: new Date(NOW_MS - 7_200_000).toISOString(),
    };
    const { changed } = diagnose(
      observations({ worker: look('serves', { version: '8.2.3' }), platform: platform(true, { files }) }),
    );
    assert.ok(
      changed.some((text) => /its version went from redis 7.0.15 to redis 8.2.3/.test(text)),
      changed.join(),
    );
    assert.ok(
      changed.some((text) => text.endsWith('redis.conf was changed.')),
      changed.join(),
    );
    assert.ok(!changed.some((text) => /program/.test(text)), changed.join());
  });
});
