import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { ArchiveStatus } from '../../model/archive/archiving.ts';
import { planArchive } from '../../model/archive/plan.ts';
import { isBoundary, STREAM_BEGIN } from '../../model/archive/stream-state.ts';
import type { SegmentHeader, Timeline } from '../../model/archive/timeline.ts';
import { parseUntil } from '../../model/restore/until.ts';
import { openRedis } from '../../redis/client/client.ts';
import type { RedisConnection } from '../../redis/client/connection.ts';
import { replayable } from '../../redis/log/replayable.ts';
import type { Archive } from '../../repository/archive/archive.ts';
import type { House } from './house.ts';
import { type RedisServer, startRedis } from './redis-server.ts';
import { beatOf } from './stored-backups.ts';
import { until } from './until.ts';

export const ARCHIVE_ID = 'archive/main';

/** The continuous log of the Redis of a house, as somebody sees it who has only the store. */
export class Archived {
  readonly house: House;
  readonly archive: Archive;
  /** Where the source is; another one after a failover. */
  connection: RedisConnection;

  constructor(house: House) {
    this.house = house;
    this.archive = house.repository.archive({ instance: 'main', shard: '0' });
    this.connection = house.redis.connection;
  }

  get handle() {
    return this.house.client.workflow.getHandle(ARCHIVE_ID);
  }

  async start(input: Record<string, unknown> = {}): Promise<void> {
    const args = [{ instance: 'main', ...input }];
    const options = { workflowId: ARCHIVE_ID, taskQueue: 'redis-ops', args };
    await this.house.client.workflow.start('archiveContinuously', options);
  }

  status(): Promise<ArchiveStatus> {
    return this.handle.query<ArchiveStatus>('status');
  }

  async detach(by: string): Promise<ArchiveStatus> {
    return this.handle.executeUpdate('detach', { args: [{ by }] });
  }

  async attach(by: string): Promise<ArchiveStatus> {
    return this.handle.executeUpdate('attach', { args: [{ by }] });
  }

  async ask(...args: string[]): Promise<unknown> {
    using client = await openRedis(this.connection);
    return await client.command(...args);
  }

  /** What the archiver says in its heartbeat. */
  async note(): Promise<string> {
    const beat = (await beatOf(this.house, ARCHIVE_ID)) as { note?: string } | undefined;
    return beat?.note ?? '';
  }

  /** Where the source is in its history. */
  async sourceAt(): Promise<{ replid: string; offset: number }> {
    using client = await openRedis(this.connection);
    const info = await client.info('replication');
    return { replid: info.get('master_replid') ?? '', offset: info.number('master_repl_offset') ?? 0 };
  }

  /** Where the archive ends. */
  async end(): Promise<{ replid: string; offset: number }> {
    const timeline = await this.archive.newestTimeline();
    if (!timeline) return { replid: '', offset: -1 };
    return { replid: timeline.replid, offset: (await this.archive.position(timeline.timelineId)).end };
  }

  /** Waits until everything is stored that the source has now. Writes a key: a PING alone, which may be the last, is never stored. */
  async untilCaughtUp(seconds = 60): Promise<void> {
    await this.ask('SET', 'archived:until', 'here');
    const wanted = await this.sourceAt();
    const isStored = async () => {
      const { replid, offset } = await this.end();
      return replid === wanted.replid && offset >= wanted.offset;
    };
    await until(isStored, { seconds, what: `offset ${wanted.offset} of ${wanted.replid} is stored` });
  }

  /** Proves of every timeline that nothing is missing and nothing there twice, and that times never go back. */
  async assertChained(): Promise<{ timelines: Timeline[]; headers: SegmentHeader[] }> {
    const timelines = await this.archive.timelines();
    const headers: SegmentHeader[] = [];
    for (const { timelineId, first, parent } of timelines) {
      let [at, atMs] = [first, parent ? Date.parse(parent.endedAt) : 0];
      for (const segment of await this.archive.segments(timelineId)) {
        const header = await this.archive.header(segment);
        assert.equal(header.start, at, `a gap or an overlap in ${timelineId}`);
        if (headers.at(-1)?.timelineId === timelineId) assert.deepEqual(header.startState, headers.at(-1)?.endState);
        else if (!parent || parent.gap || parent.restartedAt) assert.deepEqual(header.startState, STREAM_BEGIN);
        for (const ms of [header.firstAtMs, ...header.marks.map((mark) => mark[1]), header.lastAtMs]) {
          assert.ok(ms >= atMs, `times go back from ${atMs} to ${ms} at ${header.start}`);
          atMs = ms;
        }
        at = header.end;
        headers.push(header);
      }
    }
    return { timelines, headers };
  }

  /** A Redis that has loaded what the archive has of a moment: a base, and the log behind it, as an append-only directory. */
  async restored(moment = 'latest'): Promise<RedisServer> {
    const target = parseUntil(moment);
    assert.ok(target);
    const { extents } = await this.archive.extents();
    const snapshots = await this.house.repository.snapshots({ instance: 'main', shard: '0' }).list();
    const cut = await this.archive.findCut(extents, target);
    const decision = planArchive({ extents, snapshots }, target, cut);
    assert.ok('plan' in decision, JSON.stringify(decision));
    const { base, slices } = decision.plan;
    const manifest = snapshots.find(({ backupId }) => backupId === base.backupId);
    assert.ok(manifest);
    const log: Buffer[] = [];
    for (const { timelineId, from, to } of slices) {
      const { start, startState, body } = await this.archive.openRange(timelineId, from, to);
      const options = { state: startState, startOffset: start, from, until: to };
      log.push(await collected(replayable(body, options)));
    }
    return startRedis({
      config: { appendonly: 'yes' },
      seed: {
        'appendonlydir/base.rdb': await collected(this.house.repository.snapshots(manifest).open(manifest)),
        'appendonlydir/incr.aof': Buffer.concat(log),
        'appendonlydir/appendonly.aof.manifest': Buffer.from('file base.rdb seq 1 type b\nfile incr.aof seq 1 type i\n'),
      },
    });
  }

  /** Nothing may write meanwhile. Keys that live for milliseconds go by themselves on both sides. */
  async assertRestorable(): Promise<void> {
    await this.untilCaughtUp();
    assert.ok(isBoundary((await this.archive.position((await this.newest()).timelineId)).endState));
    await using copy = await this.restored();
    const same = async () => (await copy.command('DEBUG', 'DIGEST')) === (await this.ask('DEBUG', 'DIGEST'));
    await until(same, { seconds: 20, what: 'the restored data are those of the source' });
  }

  async newest(): Promise<Timeline> {
    const timeline = await this.archive.newestTimeline();
    assert.ok(timeline, 'there is no timeline');
    return timeline;
  }
}

/** The most memory that a process ever had, MB. Linux only. */
export const peakMb = (pid: number | undefined): number =>
  Math.round(Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024);

async function collected(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
