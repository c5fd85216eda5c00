import { type HealthReport, heardRedis } from '../../model/health-report.ts';
import { type LogRun, replicasIn, runsIn, signOf } from '../../model/recovery/log-signatures.ts';
import type {
  DataObservations,
  ExitObservations,
  PlatformObservations,
  ProcessObservations,
} from '../../model/recovery/observations.ts';
import { unknownCommandIn } from '../../model/restore/load-log.ts';
import type { NextStart } from '../../model/restore/next-start.ts';
import type { ShardRef } from '../../model/shard.ts';
import type { Control, DataLayout, Files, MemoryKill, PlatformStatus, PlatformTrace } from '../../platforms/platform.ts';
import { openRedis } from '../../redis/client/client.ts';
import type { RedisConnection } from '../../redis/client/connection.ts';
import { checkHealth } from '../../redis/health/health.ts';
import type { Dependencies, ProtectedInstance } from '../dependencies.ts';
import { strangerToUs } from '../owner.ts';
import { requireControl, requireFiles } from '../parts.ts';
import { lookAtNextStart } from '../restore/next-start.ts';
import { doesNotLetUsIn, strangerRefusing } from '../stranger.ts';
import { type Bounded, bounded, missedIn } from './bounded.ts';
import { type ObserveDataOptions, observeData } from './observe-data.ts';
import type { InLayout } from './set-aside.ts';

const LOG_LINES = 200;
/** Two looks at most, and the rest meanwhile: 4 s in all. */
const LOOK_MS = 1_500;
const QUESTION_MS = 2_000;
const KERNEL_MS = 1_200;

/** All that is seen from what runs a Redis. What its files say comes from `observeFiles`. */
export type ServerLook = Omit<PlatformObservations, 'data'> & {
  /** Where its files are, and how the next start reads them. Absent: its redis.conf could not be read. */
  layout?: DataLayout;
  rules?: LoadRules;
};

type LoadRules = Pick<ObserveDataOptions, 'checksNoRdb' | 'cutsNoLog'>;

export const createLookActivities = (deps: Dependencies) => ({
  /**
   * What runs a Redis knows of it: process, end, log of its last run, and an answer over a local connection. Within 4 s; changes
   * nothing; what could not be seen is said.
   */
  async observeFromControl(of: ShardRef): Promise<ServerLook> {
    const target = await deps.shard(of);
    const [seen, stranger] = await Promise.all([
      observeFromControl(deps.host, requireControl(target).open(), target.connection),
      strangerThere(deps, target),
    ]);
    return stranger === undefined ? seen : { ...seen, stranger };
  },

  /** What is in its data directory, and who owns what is beside it. Within 2 s; changes nothing. */
  async observeFiles(input: InLayout & { readLog: boolean; rules?: LoadRules }): Promise<FilesLook> {
    const { instance, layout, readLog, rules = {} } = input;
    const files = requireFiles(await deps.shard(input)).open(layout);
    const [seen, owner] = await Promise.all([observeFiles(files, { readLog, ...rules }), lockOwner(deps, instance)]);
    return owner === undefined ? seen : owned(seen, owner);
  },
});

/** One that does not answer is nobody that could be told from ours. */
async function strangerThere(deps: Dependencies, target: ProtectedInstance): Promise<string | undefined> {
  const asked = await bounded('who answers', QUESTION_MS, async () => {
    try {
      using client = await openRedis(target.connection, { connectTimeoutMs: LOOK_MS, commandTimeoutMs: LOOK_MS });
      return await strangerToUs(deps, target, client);
    } catch (error) {
      if (doesNotLetUsIn(error)) return strangerRefusing(target);
      throw error;
    }
  });
  return asked.value;
}

export interface FilesLook {
  data?: DataObservations;
  unseen: string[];
}

/** What a living Redis writes to is cut at any moment: its log is not read. */
export async function observeFiles({ layout }: Files, options: ObserveDataOptions): Promise<FilesLook> {
  const data = await bounded('its data directory', QUESTION_MS, () => observeData(layout, options));
  return { ...(data.value ? { data: data.value } : {}), unseen: missedIn(data) };
}

/** An operation that holds the lock, other than a recovery, puts back by itself what it does not finish. */
async function lockOwner(deps: Dependencies, instance: string): Promise<string | undefined> {
  const asked = await bounded('who holds the lock', QUESTION_MS, () => deps.operations.lockHolder(instance));
  if (asked.missed !== undefined) return 'an operation that could not be asked for';
  return asked.value?.kind === 'recovery' ? undefined : asked.value?.workflowId;
}

function owned(seen: FilesLook, owner: string): FilesLook {
  const { data } = seen;
  if (!data?.leftBehind) return seen;
  const left = data.leftBehind.map((one) => (one.unfinished ? { owner, ...one } : one));
  return { ...seen, data: { ...data, leftBehind: left } };
}

/** The same, without a world: for whoever has a platform. */
export async function observeFromControl(host: string, platform: Control, connection: RedisConnection): Promise<ServerLook> {
  const asked = bounded('its process', QUESTION_MS, () => platform.status());
  const traced = bounded('how it ended', QUESTION_MS, () => platform.trace());
  const [status, trace, log, conf, local] = await Promise.all([
    asked,
    traced,
    bounded('its log', QUESTION_MS, () => platform.logs(LOG_LINES)),
    bounded('its redis.conf', QUESTION_MS, async () => ({ layout: await platform.dataLayout(), rules: await rulesOf(platform) })),
    lookLocally(connection),
  ]);
  const runs = runsIn(log.value ?? []);
  const [run, earlierRun] = [runs.at(-1), runs.at(-2)];
  const server = processObservations(status, trace.value, platform);
  const next = await nextStart(platform, connection, { server, isHeard: heardRedis(local) });
  const isEnded = server.running === false || server.crashLoop;
  const end = isEnded ? await exitObservations(platform, trace.value, run) : undefined;
  return {
    host,
    description: platform.description,
    server,
    ...(end ? { end } : {}),
    ...(run ? { run } : {}),
    ...(earlierRun ? { earlierRun } : {}),
    replicas: replicasIn(log.value ?? []),
    ...(conf.value ?? {}),
    ...(await disabledBy(run, platform)),
    ...(next.value ? { nextStart: next.value } : {}),
    // A Redis that this machine may not see the process of (in a container) still answers.
    ...(server.running === false && !heardRedis(local) && local.verdict !== 'not-redis' ? {} : { local }),
    files: fileTimes(trace.value),
    unseen: missedIn(status, trace, log, conf, next),
  };
}

async function rulesOf(platform: Control): Promise<LoadRules> {
  const { settings } = await platform.confKnowledge();
  const isOff = (name: string) => settings[name]?.toLowerCase() === 'no';
  return { checksNoRdb: isOff('rdbchecksum'), cutsNoLog: isOff('aof-load-truncated') };
}

/** Of one that answers: what a restart would take from it. Of one that is down: whether its configuration lets it start. */
const nextStart = (
  platform: Control,
  connection: RedisConnection,
  { server: { running, crashLoop }, isHeard }: { server: ProcessObservations; isHeard: boolean },
): Promise<Bounded<NextStart | undefined>> =>
  bounded('its next start', QUESTION_MS, async () => {
    if (running === false && !crashLoop) return lookAtNextStart(platform, connection, undefined);
    if (running !== true || crashLoop || !isHeard) return undefined;
    using client = await openRedis(connection, { connectTimeoutMs: LOOK_MS, commandTimeoutMs: LOOK_MS });
    return await lookAtNextStart(platform, connection, client);
  });

/** The line of redis.conf that took from Redis the command for which it has ended. */
async function disabledBy(run: LogRun | undefined, platform: Control): Promise<Pick<PlatformObservations, 'disabledBy'>> {
  const command = unknownCommandIn([signOf(run, 'aof-command')?.line ?? '']);
  if (command === undefined) return {};
  const { value } = await bounded('its redis.conf', QUESTION_MS, () => platform.renamedCommands());
  const by = value?.[command.toUpperCase()]?.by;
  return by === undefined ? {} : { disabledBy: by };
}

/** On this machine, whatever leads to it from outside; a Redis that is bound to one address only is asked there. */
async function lookLocally(connection: RedisConnection): Promise<HealthReport> {
  const { host, tls, socketPath } = connection;
  if (socketPath !== undefined) return checkHealth(connection, { withinMs: LOOK_MS });
  const at = (address: string): RedisConnection => ({
    ...connection,
    host: address,
    ...(tls ? { tls: { servername: host, ...tls } } : {}),
  });
  const looped = await checkHealth(at('127.0.0.1'), { withinMs: LOOK_MS });
  if (looped.verdict !== 'refused' || ['127.0.0.1', 'localhost', '::1'].includes(host)) return looped;
  const bound = await checkHealth(connection, { withinMs: LOOK_MS });
  return heardRedis(bound) ? bound : looped;
}

function processObservations(
  { value: status }: Bounded<PlatformStatus>,
  trace: PlatformTrace | undefined,
  { restartsByItself }: Control,
): ProcessObservations {
  const { identity, name, sinceMs } = status ?? {};
  return {
    running: status?.running ?? 'unknown',
    ...(identity === undefined ? {} : { identity }),
    ...(name === undefined ? {} : { name }),
    ...(sinceMs === undefined ? {} : { since: new Date(sinceMs).toISOString() }),
    crashLoop: trace?.crashLoop ?? false,
    restartsByItself,
  };
}

async function exitObservations(
  control: Control,
  trace: PlatformTrace | undefined,
  run: LogRun | undefined,
): Promise<ExitObservations> {
  const { atMs, code, signal } = trace?.end ?? {};
  const at = atMs ?? timeOf(run);
  const { verdict, why } = await memoryVerdict(control, trace, run);
  return {
    ...(code === undefined ? {} : { code }),
    ...(signal === undefined ? {} : { signal }),
    ...(at === undefined ? {} : { at: new Date(at).toISOString() }),
    oom: verdict,
    oomWhy: why,
  };
}

async function memoryVerdict(control: Control, trace: PlatformTrace | undefined, run: LogRun | undefined): Promise<MemoryKill> {
  if (trace?.oomKilled) return { verdict: 'yes', why: 'its supervisor says so' };
  const { code, signal } = trace?.end ?? {};
  const said = ['orderly-end', 'crash'].some((id) => signOf(run, id as 'crash') !== undefined);
  if (said || code !== undefined || (signal !== undefined && signal !== 'SIGKILL')) {
    return { verdict: 'no', why: 'it ended in another way' };
  }
  const asked = await bounded('the kernel', KERNEL_MS, () => control.memoryKill(trace?.end?.pid ?? run?.pid));
  return asked.value ?? { verdict: 'unknown', why: asked.missed ?? '' };
}

/** Only of an end that it logged itself: of a killed one the log tells when it last had something to say. */
function timeOf(run: LogRun | undefined): number | undefined {
  const hasSaid = run?.signs.some(({ id }) => id === 'orderly-end' || id === 'crash') || (run && !run.ready);
  const ms = hasSaid && run?.lastTime ? Date.parse(run.lastTime) : Number.NaN; // in the time zone of this machine, as Redis writes it
  return Number.isNaN(ms) ? undefined : ms;
}

function fileTimes(trace: PlatformTrace | undefined): NonNullable<PlatformObservations['files']> {
  const at = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms).toISOString());
  const [config, program, logged] = [trace?.configChangedAtMs, trace?.programChangedAtMs, trace?.loggedAtMs].map(at);
  return {
    ...(logged === undefined ? {} : { loggedAt: logged }),
    ...(config === undefined ? {} : { configChangedAt: config }),
    ...(program === undefined ? {} : { binaryChangedAt: program }),
  };
}
