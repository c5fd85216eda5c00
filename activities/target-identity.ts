import { realpath, stat } from 'node:fs/promises';
import { RecoveryError } from '../model/errors.ts';
import type { TargetFacts, TargetIdentity } from '../model/plan-facts.ts';
import { type TargetDoubt, targetDoubt } from '../model/target-doubt.ts';
import type { Platform } from '../platforms/platform.ts';
import { pidsOf } from '../platforms/process/process-table.ts';
import type { RedisClient } from '../redis/client.ts';
import { ownPortOf } from '../redis/connection.ts';
import type { RedisInfo } from '../redis/info.ts';
import { ifKnown } from '../redis/renames.ts';
import { sameServers } from '../redis/same-server.ts';
import type { ProtectedInstance, World } from './world.ts';

/**
 * Who answers: its run id and history, the instances that it answers for besides, and whether it is the managed process.
 * Read-only.
 */
export async function whoAnswers(
  world: World,
  target: ProtectedInstance,
  client: RedisClient,
): Promise<Pick<TargetIdentity, 'runId' | 'replids' | 'sameAs' | 'managed'>> {
  const info = await client.info('server', 'replication');
  const runId = info.get('run_id') ?? '';
  const replids = [info.get('master_replid'), info.get('master_replid2')].filter((id) => id !== undefined && /[1-9a-f]/.test(id));
  const known = { runId, replids: replids as string[] };
  // Which of two instances has the wrong address is told by its process: on its own machine.
  if (target.process && target.process.host !== world.host) return known;
  const managed = await managedBy(world.host, target, info, client);
  const others = await othersOf(world, target.name);
  const same = await sameServers(runId, target.connection, others);
  const sameAs = others
    .filter(({ name }) => same.includes(name))
    .map(({ name, target: of }) => ({ name, ...(of?.configFile ? { configFile: of.configFile } : {}) }));
  return { ...known, sameAs, ...(managed ? { managed } : {}) };
}

/** The same, judged by what the repository has of this instance. @param keysNow - absent: its keys say nothing */
export async function doubtTarget(
  world: World,
  target: ProtectedInstance,
  client: RedisClient,
  keysNow?: TargetFacts['keysNow'],
): Promise<TargetDoubt> {
  const identity = { expectedPort: ownPortOf(target.connection), ...(await whoAnswers(world, target, client)) };
  const backups = await (await world.repository()).list(target.name);
  return targetDoubt({ instance: target.name, identity, backups, nowMs: world.now(), ...(keysNow ? { keysNow } : {}) });
}

/** One whose secret is not here cannot be asked. */
async function othersOf(world: World, own: string): Promise<ProtectedInstance[]> {
  const names = world.instances().filter((name) => name !== own);
  const all = await Promise.all(names.map((name) => world.instance(name).catch(() => undefined)));
  return all.filter((one) => one !== undefined);
}

/** Only on the machine of the process: elsewhere the same path is of another file. */
export async function managedBy(
  host: string,
  { process, target }: Pick<ProtectedInstance, 'process' | 'target'>,
  info: RedisInfo,
  client: RedisClient,
): Promise<TargetIdentity['managed']> {
  const configFile = target?.configFile;
  if (!process || process.host !== host || configFile === undefined) return undefined;
  const said = info.number('process_id');
  const itsFile = info.get('config_file') || undefined;
  const its = itsFile === undefined ? '' : ` of ${itsFile}`;
  const platform = process.open();
  const pid = await runningPid(platform);
  if (pid !== undefined && said !== undefined) {
    const pids = (await pidsOf(pid)) ?? [pid];
    if (!pids.includes(said))
      return { configFile, yes: false, why: `process ${said}${its} answers, and that of ${configFile} is process ${pid}` };
    const elsewhere =
      pids.length > 1 || (await isSameFile(itsFile, configFile)) ? undefined : await elsewhereOf(platform, pid, client);
    if (elsewhere === undefined) return { configFile, yes: true };
    const stranger = `process ${said}${its || ', which has no redis.conf,'} answers, with its data in ${elsewhere.its}`;
    return { configFile, yes: false, why: `${stranger}, and ${configFile} with ${elsewhere.ours} is configured` };
  }
  if (itsFile === undefined) return undefined;
  if (await isSameFile(itsFile, configFile)) return { configFile, yes: true };
  return { configFile, yes: false, why: `process ${said ?? ''}${its} answers, and ${configFile} is configured` };
}

/**
 * Where a process keeps its data, if that is surely another directory than the one of our redis.conf. It proves nothing alone:
 * `dir` may have been set while it ran.
 */
async function elsewhereOf(
  platform: Platform,
  pid: number,
  client: RedisClient,
): Promise<{ its: string; ours: string } | undefined> {
  const ours = (await platform.dataLayout()).dir;
  const stands = await stat(`/proc/${pid}/cwd`).catch(() => undefined); // of another user we may not know
  const home = await stat(ours).catch(() => undefined);
  if (stands && home && stands.dev === home.dev && stands.ino === home.ino) return undefined;
  const dir = (await ifKnown(client.configGet('dir')).catch(() => undefined))?.dir;
  const said = dir === undefined || client.unasked.has('CONFIG GET') ? undefined : dir;
  const its = said ?? (stands && (await real(`/proc/${pid}/cwd`)));
  if (its === undefined || (await real(its)) === (await real(ours))) return undefined;
  return { its, ours };
}

/** Links are followed. */
export const isSameFile = async (one: string | undefined, other: string): Promise<boolean> =>
  one !== undefined && one !== '' && (await real(one)) === (await real(other));

/** Undefined: none runs, or which one that is cannot be told. */
async function runningPid(platform: Platform): Promise<number | undefined> {
  try {
    return (await platform.status()).pid;
  } catch (error) {
    if (error instanceof RecoveryError && error.code === 'TARGET_IDENTITY') return undefined;
    throw error;
  }
}

const real = (path: string): Promise<string> => realpath(path).catch(() => path);
