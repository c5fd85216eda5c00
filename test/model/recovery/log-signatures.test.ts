import assert from 'node:assert/strict';
import { endedDrained, fatalSign, replicasIn, runsIn, signOf } from '../../../model/recovery/log-signatures.ts';

const START = (pid: number) => [
  `${pid}:C 24 Nov 2026 17:05:51.108 * oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo`,
  `${pid}:M 24 Nov 2026 17:05:51.110 # Server initialized`,
];
const READY = (pid: number) => [...START(pid), `${pid}:M 24 Nov 2026 17:05:51.112 * Ready to accept connections tcp`];
const DAMAGED = (pid: number) =>
  `${pid}:M 24 Nov 2026 17:05:52.000 # Short read or OOM loading DB. Unrecoverable error, aborting now.`;

describe('The log of a Redis', () => {
  it('is read run by run, so that an old complaint says nothing of the run that is', () => {
    const runs = runsIn([...START(10), DAMAGED(10), ...READY(11)]);
    assert.deepEqual(
      runs.map((run) => [run.pid, run.ready, fatalSign(run)?.id]),
      [
        [10, false, 'rdb-short'],
        [11, true, undefined],
      ],
    );
  });

  it('is ready on a socket, too', () => {
    const ready = '10:M 24 Nov 2026 17:05:51.112 * The server is now ready to accept connections at /run/redis.sock';
    assert.deepEqual(
      runsIn([...START(10), ready]).map((run) => run.ready),
      [true],
    );
  });

  it('is read run by run in a container, too, where every run is process 1', () => {
    assert.deepEqual(
      runsIn([...READY(1), '1:M 24 Nov 2026 17:05:53.000 # Redis is now ready to exit, bye bye...', ...START(1), DAMAGED(1)]).map(
        (run) => [run.ready, signOf(run, 'orderly-end') !== undefined],
      ),
      [
        [true, true],
        [false, false],
      ],
    );
  });

  it('is not split by the children that save', () => {
    const child = '12:C 24 Nov 2026 17:05:53.000 * Fork CoW for RDB: current 0 MB, peak 0 MB, average 0 MB';
    assert.equal(
      runsIn([...READY(11), child, '11:M 24 Nov 2026 17:05:54.000 * Background saving terminated with success']).length,
      1,
    );
  });

  it('counts a warning before the banner to the run that it begins', () => {
    const warning = '13:C 24 Nov 2026 17:05:51.000 # WARNING Memory overcommit must be enabled!';
    assert.deepEqual(
      runsIn([...READY(11), warning, ...START(13)]).map(({ pid }) => pid),
      [11, 13],
    );
  });

  it('takes what a replica is sent for no damage of its own files', () => {
    const [run] = runsIn([...READY(11), DAMAGED(11).replace(':M', ':S')]);
    assert.equal(fatalSign(run), undefined);
  });

  it('takes one whose begin has gone by for ready, unless its last lines say another thing', () => {
    const lines = Array.from(
      { length: 30 },
      (_, n) => `11:M 24 Nov 2026 17:06:${n + 10}.000 * 10 changes in 300 seconds. Saving...`,
    );
    assert.equal(runsIn([DAMAGED(11), ...lines])[0]?.ready, true);
    assert.equal(runsIn([...lines, DAMAGED(11)])[0]?.ready, false);
  });

  it('takes a refused configuration for a run of its own, though it has no banner', () => {
    const runs = runsIn([
      ...READY(11),
      '*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***',
      ">>> 'dir …'",
      'No such file or directory',
    ]);
    assert.equal(fatalSign(runs.at(-1))?.id, 'dir-in-config');
  });

  it('prefers what must not be taken for damage', () => {
    const lines = [
      "The RDB file contains module data I can't load: no matching module type 'ReJSON-RL'",
      'Fatal error loading the DB, check server logs. Exiting.',
    ];
    const [run] = runsIn([...START(5), ...lines.map((line) => `5:M 24 Nov 2026 17:05:52.000 # ${line}`)]);
    assert.equal(fatalSign(run)?.id, 'module-type');
  });

  it('says that all replicas were in step at the end, and only then', () => {
    const ended = (sync: string) =>
      runsIn([
        ...READY(5),
        `5:M 24 Nov 2026 17:05:52.374 * ${sync} replicas are in sync when shutting down.`,
        '5:M 24 Nov 2026 17:05:52.374 # Redis is now ready to exit, bye bye...',
      ])[0];
    assert.deepEqual(
      ['1 of 1', '1 of 2', '0 of 0'].map((sync) => endedDrained(ended(sync))),
      [true, false, false],
    );
  });

  it('names the replicas that followed, and no archiver or backup, which have no port', () => {
    const said = (text: string) => `7:M 24 Nov 2026 17:05:53.000 * ${text}`;
    const lines = [
      said('Replica 10.0.0.7:6379 asks for synchronization'),
      said('Synchronization with replica 10.0.0.7:6379 succeeded'),
      said('Synchronization with replica [fd00::7]:6380 succeeded'),
      said('Partial resynchronization request from 10.0.0.8:6379 accepted. Sending 0 bytes of backlog.'),
      said('Replica 10.0.0.9:<unknown-replica-port> asks for synchronization'),
      said('Connection with replica client id #7 lost.'),
    ];
    assert.deepEqual(replicasIn(lines), ['10.0.0.7:6379', '[fd00::7]:6380', '10.0.0.8:6379']);
  });
});
