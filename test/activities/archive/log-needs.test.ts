import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withNeeds } from '../../../activities/archive/log-needs.ts';
import type { ProtectedInstance } from '../../../activities/dependencies.ts';
import { replayedRanges } from '../../../activities/restore/replay-log.ts';
import { commandsAfterStart, commandsNow } from '../../../activities/restore/survey-commands.ts';
import { checkArchivedCommands } from '../../../cli/check/archive.ts';
import type { CheckContext } from '../../../cli/check/finding.ts';
import type { InstanceShard } from '../../../config/config.ts';
import type { LogNeeds } from '../../../model/archive/log-needs.ts';
import type { PlannedLog } from '../../../model/restore/plan/plan.ts';
import { openRedis } from '../../../redis/client/client.ts';
import { Archive } from '../../../repository/archive/archive.ts';
import { command } from '../../redis/support/log-bytes.ts';
import { REPLID, sampleSegment, sampleTimeline, TIMELINE_ID } from '../../repository/archive/fixtures.ts';
import { openStore } from '../../support/open-store.ts';
import { ownDirectory } from '../../support/processes.ts';
import { isAtLeast, redisBinaries } from '../../support/redis-binaries.ts';
import { startRedis } from '../../support/redis-server.ts';

describe('What a planned log asks of its target', () => {
  let archive: Archive;
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'redis-backup-needs-'));
    ownDirectory(root);
    mkdirSync(join(root, 'repository'));
    archive = new Archive(openStore({ kind: 'file', directory: join(root, 'repository') }), { instance: 'main', shard: '0' });
    await archive.createTimeline(sampleTimeline());
  });
  afterEach(() => rm(root, { recursive: true }));

  /** Stores segments of these commands; their headers say of each what it needs. @returns where each command ends */
  const store = async (
    ...segments: { bytes: Buffer[]; commands: string[]; highestDb: number; db?: number }[]
  ): Promise<number[]> => {
    const ends: number[] = [];
    let start = 1000;
    for (const { bytes, db = 0, ...needs } of segments) {
      const whole = Buffer.concat(bytes);
      for (const one of bytes) ends.push((ends.at(-1) ?? 1000) + one.length);
      const startState = { db, inTransaction: false };
      const endState = { db: 0, inTransaction: false };
      const header = { ...sampleSegment(start, start + whole.length), startState, endState, needs };
      await archive.putSegment(header, [whole]);
      start += whole.length;
    }
    return ends;
  };
  const planned = (from: number, to: number): PlannedLog => ({
    ...{ until: 'latest', bytes: to - from, untilMs: 0, endsMs: 0 },
    ranges: [{ timelineId: TIMELINE_ID, from, to }],
  });
  const set = command('SET', 'a', '1');
  const first = { bytes: [set], commands: ['SET'], highestDb: -1 };
  const second = {
    bytes: [set, command('FLUSHALL'), command('SWAPDB', 0, 20)],
    commands: ['FLUSHALL', 'SET', 'SWAPDB'],
    highestDb: 20,
  };

  it('is what the headers say, by the names and modules that are known today', async () => {
    const [, , , end = 0] = await store(first, { ...second, commands: ['HIDDEN', 'JSON.SET', 'SET', 'SWAPDB'] });
    const { needs } = await withNeeds(archive, planned(1000, end), { renamedCommands: { hidden: 'flushall' } });
    assert.deepEqual(needs, { commands: ['FLUSHALL', 'JSON.SET', 'SET', 'SWAPDB'], highestDb: 20, foreign: ['JSON.SET'] });
    const allowed = await withNeeds(archive, planned(1000, end), { moduleCommands: ['json.set'] });
    assert.deepEqual(allowed.needs?.foreign, ['HIDDEN']);
  });

  it('is told by check of what came since the newest base, where no replay executes it', async () => {
    await store(first, {
      bytes: [set, command('GRAPH.QUERY', 'g', 'CREATE (:A)')],
      commands: ['GRAPH.QUERY', 'SET'],
      highestDb: -1,
    });
    const check = (bases: number[], moduleCommands: string[] = []) => {
      const list = async () => bases.map((offset) => ({ replication: { replid: REPLID, offset } }));
      const deps = {
        repository: async () => ({ snapshots: () => ({ list }), archive: () => archive }),
      } as unknown as CheckContext;
      return checkArchivedCommands(deps, {
        name: 'main',
        shard: '0',
        archive: { moduleCommands, renamedCommands: {} },
      } as unknown as InstanceShard);
    };
    const [finding, ...others] = await check([1000]);
    assert.deepEqual([finding?.level, others], ['warning', []]);
    assert.match(
      finding?.message ?? '',
      /the log has 1 command that no replay executes, since its last base: GRAPH\.QUERY \(of a module\)/,
    );
    assert.deepEqual(await check([1000], ['graph.query']), []);
    const { end } = await archive.position(TIMELINE_ID);
    assert.deepEqual(await check([1000, end]), []);
  });

  it('is exact where it ends within a segment: what comes behind is asked of nobody', async () => {
    const [, beforeFlush = 0, beforeSwap = 0] = await store(first, second);
    const needsOf = async (from: number, to: number) => (await withNeeds(archive, planned(from, to), {})).needs;
    assert.deepEqual(await needsOf(1000, beforeFlush), { commands: ['SET'], highestDb: 0, foreign: [] });
    assert.deepEqual(await needsOf(1000, beforeSwap), { commands: ['FLUSHALL', 'SET'], highestDb: 0, foreign: [] });
  });

  it('has the database that it begins in, as the log that is staged has, whichever its commands name', async () => {
    const [select = 0, end = 0] = await store({
      ...{ bytes: [command('SELECT', 0), set], commands: ['SELECT', 'SET'], highestDb: 0, db: 5 },
    });
    for (const [from, to, db] of [
      [1000, end, 5],
      [1000, select, 5],
      [select, end, 0],
    ] as const) {
      const log = planned(from, to);
      const staged: LogNeeds[] = [];
      for await (const _ of replayedRanges(archive, log.ranges, {}, { onNeeds: (needs) => staged.push(needs) }));
      const { needs } = await withNeeds(archive, log, {});
      assert.deepEqual([needs?.highestDb, staged.map(({ highestDb }) => highestDb)], [db, [db]], `${from} to ${to}`);
    }
  });
});

describe('The commands that a target lacks', function () {
  this.timeout(30_000);
  const instance = (moduleCommands: string[] = []) => ({ archive: { moduleCommands } }) as unknown as ProtectedInstance;
  const namesOf = (commands: Awaited<ReturnType<typeof commandsNow>>) => commands?.lacking.map(({ name }) => name) ?? [];

  for (const binary of redisBinaries()) {
    it(`are those that rename-command, its version or a module keeps from ${binary.label}`, async () => {
      await using redis = await startRedis({ binary: binary.path, config: { 'rename-command': 'FLUSHALL ""' } });
      const client = await redis.client();
      const now = await commandsNow(client, instance(['JSON.SET']));
      assert.equal(now?.isKnown, true);
      const names = namesOf(now);
      assert.deepEqual([names.includes('FLUSHALL'), names.includes('JSON.SET'), names.includes('SET')], [true, true, false]);
      assert.equal(names.includes('LMPOP'), !isAtLeast(binary, 7));
      assert.equal(names.includes('VADD'), !isAtLeast(binary, 8));
    });

    it(`are, after a restart of ${binary.label}, what redis.conf takes away by then`, async () => {
      await using redis = await startRedis({ binary: binary.path, config: { 'rename-command': 'FLUSHALL ""' } });
      const client = await redis.client();
      const corrected = await commandsAfterStart(instance(), { FLUSHDB: { name: 'x', by: 'line 3 of redis.conf' } }, client);
      const names = namesOf(corrected);
      assert.deepEqual([names.includes('FLUSHALL'), names.includes('FLUSHDB')], [false, true]);
      assert.equal(names.includes('VADD'), !isAtLeast(binary, 8));
      assert.match(corrected?.lacking[0]?.why ?? '', /line 3 of redis\.conf/);
    });
  }

  it('are not known where the user may not ask', async () => {
    await using redis = await startRedis({ users: { some: 'on >secret +info +auth' } });
    using client = await openRedis({ ...redis.connection, username: 'some', password: 'secret' });
    assert.deepEqual(await commandsNow(client, instance()), { isKnown: false, lacking: [] });
  });
});
