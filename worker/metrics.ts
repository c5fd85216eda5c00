import { createServer, type Server } from 'node:http';
import { Counter, Gauge, Registry } from 'prom-client';
import type { Dependencies } from '../activities/dependencies.ts';
import type { Progress } from '../activities/job-context.ts';
import { isFuture, provenAtMs } from '../model/backup/backup-time.ts';
import { isEmpty, latestBackup } from '../model/backup/latest.ts';
import { messageOf, RecoveryError } from '../model/errors.ts';
import type { NamedShard, ShardRef } from '../model/shard.ts';

/** Label `instance` is what people call a Redis: `main`, or `main/1` where there are several. */
const registry = new Registry();
const gauge = (name: string, help: string): Gauge<'instance'> =>
  new Gauge({ name: `redis_backup_${name}`, help, labelNames: ['instance'], registers: [registry] });

const rpo = gauge('archive_rpo_seconds', 'Age of the oldest write that is not stored: what would be lost now.');
const stored = gauge('archive_stored_bytes', 'Bytes of the replication stream that are stored, of the timeline at hand.');
const holes = gauge(
  'archive_holes',
  'Parts of the log that the store has lost, as far as the archiver has found in this stay; a new base was taken behind them.',
);
const following = gauge('archive_following', '1 while this worker follows the stream of the instance.');
const age = gauge('last_backup_age_seconds', 'Age of the newest good backup. Absent where there is none.');

const failing = gauge(
  'watch_failing',
  '1 while this worker sees the instance fail, 0 while it serves or loads. Absent: nobody looks.',
);
const recoveries = new Counter({
  name: 'redis_backup_watch_recoveries_started_total',
  help: 'Recoveries that watchers have started.',
  labelNames: ['instance'],
  registers: [registry],
});

/** Questions of recoveries by run: the end of an older one says nothing of the one that runs. */
const questions = new Map<string, { instance: string; answerByMs: number }>();
new Gauge({
  name: 'redis_backup_recovery_question_open',
  help: '1 while a recovery of the instance waits for the answer of a person. Absent: it asks nothing.',
  labelNames: ['instance'],
  registers: [registry],
  collect() {
    this.reset();
    for (const [runId, { instance, answerByMs }] of questions) {
      if (Date.now() < answerByMs) this.set({ instance }, 1);
      else questions.delete(runId);
    }
  },
});

/**
 * @param answerBy - until when it stands, ISO 8601; absent: it is answered. A worker that a recovery has left hears of no answer:
 *   what it knows ends with the time.
 */
export function observeQuestion(runId: string, instance: string, answerBy?: string): void {
  if (answerBy === undefined) questions.delete(runId);
  else questions.set(runId, { instance, answerByMs: Date.parse(answerBy) });
}

export const countRecovery = (instance: string): void => recoveries.inc({ instance });

/** Called with every progress of a step: the log's is what an alert looks at. */
export function observeProgress(step: string, instance: string, { rpoSeconds, storedBytes, stage, holes: lost }: Progress): void {
  if (step === 'watchInstance') observeLook(instance, stage);
  if (step !== 'followStream') return;
  if (lost !== undefined) holes.set({ instance }, lost);
  if (rpoSeconds === undefined) return;
  rpo.set({ instance }, rpoSeconds);
  following.set({ instance }, 1);
  if (storedBytes !== undefined) stored.set({ instance }, storedBytes);
}

function observeLook(instance: string, verdict: string): void {
  if (verdict === 'unknown') failing.remove({ instance });
  else failing.set({ instance }, verdict === 'fails' ? 1 : 0);
}

/** The stay has ended: a gauge that stands still would say that all is well. */
export function observeEnd(step: string, instance: string): void {
  if (step === 'watchInstance') failing.remove({ instance });
  if (step !== 'followStream') return;
  following.set({ instance }, 0);
  rpo.remove({ instance });
}

export interface MetricsServer {
  port: number;
  close(): void;
}

/**
 * Serves the figures of this worker for Prometheus at `/metrics`. The age of backups is read from the repository, at most
 * once a minute, so it is right also when no backup has run for days.
 * @throws RecoveryError `CONFIG_INVALID` when it cannot listen there
 */
export async function serveMetrics(
  { host, port }: { host: string; port: number },
  deps: Dependencies,
  shards: readonly NamedShard[],
): Promise<MetricsServer> {
  const ages = onceAMinute(() => readAges(deps, shards), deps.now);
  const server: Server = createServer((request, response) => {
    if (request.url !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    void ages()
      .then(() => registry.metrics())
      .then((text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, resolve);
  }).catch((error) => {
    throw new RecoveryError('CONFIG_INVALID', `worker.metrics: cannot listen on ${host}:${port}: ${messageOf(error)}`, {
      next: 'Choose a free port, and an address of this machine.',
    });
  });
  server.unref();
  const address = server.address();
  return { port: typeof address === 'object' ? (address?.port ?? port) : port, close: () => server.close() };
}

async function readAges(deps: Dependencies, shards: readonly NamedShard[]): Promise<void> {
  for (const of of shards) {
    const label = { instance: of.name };
    const ms = await ageMs(deps, of).catch(() => undefined); // a repository that can't be read has no age to tell: alert on the absence
    if (ms === undefined) age.remove(label);
    else age.set(label, ms / 1000);
  }
}

/** Undefined where there is no good one. */
async function ageMs(deps: Dependencies, of: ShardRef): Promise<number | undefined> {
  const all = await (await deps.repository()).snapshots(of).list();
  const taken = all.filter(({ reason }) => reason !== 'imported'); // how old those are, only their file says
  const newest = latestBackup(taken, deps.now());
  return newest && !isEmpty(newest) && !isFuture(newest, deps.now()) ? deps.now() - provenAtMs(newest) : undefined;
}

const MINUTE_MS = 60_000;

function onceAMinute(work: () => Promise<void>, now: () => number): () => Promise<void> {
  let last = Number.NEGATIVE_INFINITY;
  let running = Promise.resolve();
  return () => {
    if (now() - last < MINUTE_MS) return running;
    last = now();
    running = work();
    return running;
  };
}
