import { unknownCommandIn } from '../../model/load-log.ts';
import { type LogRun, runsIn, signOf } from '../../model/log-signatures.ts';
import type { NextStart } from '../../model/next-start.ts';
import { heardRedis, type RedisLook } from '../../model/redis-look.ts';
import type { EndSigns, PlaceSigns, ProcessSigns } from '../../model/signs.ts';
import { changedAt, type MemoryKill, memoryKill, processSince } from '../../platforms/aftermath.ts';
import type { Platform, PlatformStatus, PlatformTrace } from '../../platforms/platform.ts';
import { openRedis } from '../../redis/client.ts';
import type { RedisConnection } from '../../redis/connection.ts';
import { lookAtRedis } from '../../redis/health.ts';
import { lookAtNextStart } from '../next-start.ts';
import { requireProcess } from '../places.ts';
import { strangerAnswering } from '../stranger.ts';
import type { ProtectedInstance, World } from '../world.ts';
import { type Bounded, bounded, missedIn } from './bounded.ts';
import { dataSigns } from './data-signs.ts';

const LOG_LINES = 200;
/** Two looks at most, and the rest meanwhile: 4 s in all. */
const LOOK_MS = 1_500;
const QUESTION_MS = 2_000;
const KERNEL_MS = 1_200;

export const createPlaceLookActivities = (world: World) => ({
  /**
   * What the machine of a Redis knows of it: process, end, log of its last run, data directory, and an answer over a local
   * connection. Within 4 s; changes nothing; what could not be seen is said.
   */
  async lookFromPlace({ instance }: { instance: string }): Promise<PlaceSigns> {
    const target = await world.instance(instance);
    const [looked, owner, stranger] = await Promise.all([
      lookAtPlace(world.host, requireProcess(target).open(), target.connection),
      lockOwner(world, instance),
      strangerThere(world.host, target),
    ]);
    const seen = stranger === undefined ? looked : { ...looked, stranger };
    return owner === undefined ? seen : owned(seen, owner);
  },
});

/** One that does not answer, or not us, is nobody that could be told from ours. */
async function strangerThere(host: string, target: ProtectedInstance): Promise<string | undefined> {
  const asked = await bounded('who answers', QUESTION_MS, async () => {
    using client = await openRedis(target.connection, { connectTimeoutMs: LOOK_MS, commandTimeoutMs: LOOK_MS });
    return await strangerAnswering(host, target, client);
  });
  return asked.value;
}

/** An operation that holds the lock, other than a recovery, puts back by itself what it does not finish. */
async function lockOwner(world: World, instance: string): Promise<string | undefined> {
  const asked = await bounded('who holds the lock', QUESTION_MS, () => world.operations.lockHolder(instance));
  if (asked.missed !== undefined) return 'an operation that could not be asked for';
  return asked.value?.kind === 'recovery' ? undefined : asked.value?.workflowId;
}

function owned(seen: PlaceSigns, owner: string): PlaceSigns {
  const { data } = seen;
  if (!data?.leftBehind) return seen;
  const left = data.leftBehind.map((one) => (one.unfinished ? { owner, ...one } : one));
  return { ...seen, data: { ...data, leftBehind: left } };
}

/** The same, without a world: for whoever has a platform. */
export async function lookAtPlace(host: string, platform: Platform, connection: RedisConnection): Promise<PlaceSigns> {
  const asked = bounded('its process', QUESTION_MS, () => platform.status());
  const traced = bounded('how it ended', QUESTION_MS, () => platform.trace());
  const [status, trace, log, data, local] = await Promise.all([
    asked,
    traced,
    bounded('its log', QUESTION_MS, () => platform.logs(LOG_LINES)),
    bounded('its data directory', QUESTION_MS, async () => {
      // What a living Redis writes to is cut at any moment.
      const isDown = (await asked).value?.running === false || (await traced).value?.crashLoop === true;
      const { settings } = await platform.confKnowledge();
      const isOff = (name: string) => settings[name]?.toLowerCase() === 'no';
      const rules = { checksNoRdb: isOff('rdbchecksum'), cutsNoLog: isOff('aof-load-truncated') };
      return dataSigns(await platform.dataLayout(), { readLog: isDown, ...rules });
    }),
    lookLocally(connection),
  ]);
  const runs = runsIn(log.value ?? []);
  const [run, earlierRun] = [runs.at(-1), runs.at(-2)];
  const server = await processSigns(status, trace.value, platform);
  const next = await nextStart(platform, connection, { server, isHeard: heardRedis(local) });
  const isEnded = server.running === false || server.crashLoop;
  const end = isEnded ? await endSigns(trace.value, run) : undefined;
  return {
    host,
    description: platform.description,
    server,
    ...(end ? { end } : {}),
    ...(run ? { run } : {}),
    ...(earlierRun ? { earlierRun } : {}),
    ...(data.value ? { data: data.value } : {}),
    ...(await disabledBy(run, platform)),
    ...(next.value ? { nextStart: next.value } : {}),
    // A Redis that this machine may not see the process of (in a container) still answers.
    ...(server.running === false && !heardRedis(local) && local.verdict !== 'not-redis' ? {} : { local }),
    files: await fileTimes(trace.value),
    unseen: missedIn(status, trace, log, data, next),
  };
}

/** Of one that answers: what a restart would take from it. Of one that is down: whether its configuration lets it start. */
const nextStart = (
  platform: Platform,
  connection: RedisConnection,
  { server: { running, crashLoop }, isHeard }: { server: ProcessSigns; isHeard: boolean },
): Promise<Bounded<NextStart | undefined>> =>
  bounded('its next start', QUESTION_MS, async () => {
    if (running === false && !crashLoop) return lookAtNextStart(platform, connection, undefined);
    if (running !== true || crashLoop || !isHeard) return undefined;
    using client = await openRedis(connection, { connectTimeoutMs: LOOK_MS, commandTimeoutMs: LOOK_MS });
    return await lookAtNextStart(platform, connection, client);
  });

/** The line of redis.conf that took from Redis the command for which it has ended. */
async function disabledBy(run: LogRun | undefined, platform: Platform): Promise<Pick<PlaceSigns, 'disabledBy'>> {
  const command = unknownCommandIn([signOf(run, 'aof-command')?.line ?? '']);
  if (command === undefined) return {};
  const { value } = await bounded('its redis.conf', QUESTION_MS, () => platform.renamedCommands());
  const by = value?.[command.toUpperCase()]?.by;
  return by === undefined ? {} : { disabledBy: by };
}

/** On this machine, whatever leads to it from outside; a Redis that is bound to one address only is asked there. */
async function lookLocally(connection: RedisConnection): Promise<RedisLook> {
  const { host, tls } = connection;
  const at = (address: string): RedisConnection => ({
    ...connection,
    host: address,
    ...(tls ? { tls: { servername: host, ...tls } } : {}),
  });
  const looped = await lookAtRedis(at('127.0.0.1'), { withinMs: LOOK_MS });
  if (looped.verdict !== 'refused' || ['127.0.0.1', 'localhost', '::1'].includes(host)) return looped;
  const bound = await lookAtRedis(connection, { withinMs: LOOK_MS });
  return heardRedis(bound) ? bound : looped;
}

async function processSigns(
  { value: status }: Bounded<PlatformStatus>,
  trace: PlatformTrace | undefined,
  { restartsByItself }: Platform,
): Promise<ProcessSigns> {
  const since = status?.pid === undefined ? undefined : await processSince(status.pid);
  return {
    running: status?.running ?? 'unknown',
    ...(status?.pid === undefined ? {} : { pid: status.pid }),
    ...(since === undefined ? {} : { since: new Date(since).toISOString() }),
    crashLoop: trace?.crashLoop ?? false,
    restartsByItself,
  };
}

async function endSigns(trace: PlatformTrace | undefined, run: LogRun | undefined): Promise<EndSigns> {
  const { atMs, code, signal } = trace?.end ?? {};
  const at = atMs ?? timeOf(run);
  const { verdict, why } = await memoryVerdict(trace, run);
  return {
    ...(code === undefined ? {} : { code }),
    ...(signal === undefined ? {} : { signal }),
    ...(at === undefined ? {} : { at: new Date(at).toISOString() }),
    oom: verdict,
    oomWhy: why,
  };
}

async function memoryVerdict(trace: PlatformTrace | undefined, run: LogRun | undefined): Promise<MemoryKill> {
  if (trace?.oomKilled) return { verdict: 'yes', why: 'its supervisor says so' };
  const { code, signal } = trace?.end ?? {};
  const said = ['orderly-end', 'crash'].some((id) => signOf(run, id as 'crash') !== undefined);
  if (said || code !== undefined || (signal !== undefined && signal !== 'SIGKILL')) {
    return { verdict: 'no', why: 'it ended in another way' };
  }
  const asked = await bounded('the kernel', KERNEL_MS, () => memoryKill(trace?.end?.pid ?? run?.pid));
  return asked.value ?? { verdict: 'unknown', why: asked.missed ?? '' };
}

/** Only of an end that it logged itself: of a killed one the log tells when it last had something to say. */
function timeOf(run: LogRun | undefined): number | undefined {
  const hasSaid = run?.signs.some(({ id }) => id === 'orderly-end' || id === 'crash') || (run && !run.ready);
  const ms = hasSaid && run?.lastTime ? Date.parse(run.lastTime) : Number.NaN; // in the time zone of this machine, as Redis writes it
  return Number.isNaN(ms) ? undefined : ms;
}

async function fileTimes(trace: PlatformTrace | undefined): Promise<NonNullable<PlaceSigns['files']>> {
  const [config, program] = await Promise.all([changedAt(trace?.configFile), changedAt(trace?.program)]);
  const logged = trace?.loggedAtMs;
  return {
    ...(logged === undefined ? {} : { loggedAt: new Date(logged).toISOString() }),
    ...(config === undefined ? {} : { configChangedAt: new Date(config).toISOString() }),
    ...(program === undefined ? {} : { binaryChangedAt: new Date(program).toISOString() }),
  };
}
