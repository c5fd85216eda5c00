import type { TargetFacts, TargetIdentity } from '../../model/restore/plan/facts.ts';
import { type TargetDoubt, targetDoubt } from '../../model/restore/target-doubt.ts';
import type { NamedShard, ShardRef } from '../../model/shard.ts';
import type { SameServer, ServerSaid } from '../../platforms/platform.ts';
import type { RedisClient } from '../../redis/client/client.ts';
import type { RedisInfo } from '../../redis/client/info.ts';
import { ifKnown } from '../../redis/client/renames.ts';
import { sameServers } from '../../redis/same-server.ts';
import type { ControlPart, Dependencies, ProtectedInstance } from '../dependencies.ts';

/**
 * Who answers: its run id and history, the instances that it answers for besides, and whether it is the managed process.
 * Read-only.
 */
export async function whoAnswers(
  deps: Dependencies,
  target: ProtectedInstance,
  client: RedisClient,
): Promise<Pick<TargetIdentity, 'runId' | 'replids' | 'sameAs' | 'managed'>> {
  const info = await client.info('server', 'replication');
  const runId = info.get('run_id') ?? '';
  const replids = [info.get('master_replid'), info.get('master_replid2')].filter((id) => id !== undefined && /[1-9a-f]/.test(id));
  const known = { runId, replids: replids as string[] };
  // Which of two instances has the wrong address is told by its process: on its own machine.
  if (target.control && !target.control.isAtHand) return known;
  const managed = await managedBy(target, info, client);
  const others = await othersOf(deps, target);
  const same = await sameServers(runId, target.connection, others);
  const sameAs = others
    .filter(({ name }) => same.includes(name))
    .map(({ name, control }) => ({ name, ...(control ? { runs: control.runs } : {}) }));
  return { ...known, sameAs, ...(managed ? { managed } : {}) };
}

/** The same, judged by what the repository has of this instance. @param keysNow - absent: its keys say nothing */
export async function doubtTarget(
  deps: Dependencies,
  target: ProtectedInstance,
  client: RedisClient,
  keysNow?: TargetFacts['keysNow'],
): Promise<TargetDoubt> {
  const identity = await whoAnswers(deps, target, client);
  const backups = await (await deps.repository()).snapshots(target).list();
  return targetDoubt({ instance: target.name, identity, backups, nowMs: deps.now(), ...(keysNow ? { keysNow } : {}) });
}

/** One whose secret is not here cannot be asked. */
async function othersOf(deps: Dependencies, own: ShardRef): Promise<ProtectedInstance[]> {
  const others = await otherShards(deps, own);
  const all = await Promise.all(others.map((one) => deps.shard(one).catch(() => undefined)));
  return all.filter((one) => one !== undefined);
}

/** Every other Redis of the configuration. */
export async function otherShards(deps: Pick<Dependencies, 'instance' | 'instances'>, own: ShardRef): Promise<NamedShard[]> {
  const all = await Promise.all(deps.instances().map((name) => deps.instance(name)));
  return all.flatMap(({ shards }) => shards).filter((one) => one.instance !== own.instance || one.shard !== own.shard);
}

/** Only where its platform can be asked: elsewhere the same path is of another file. */
async function managedBy(
  { control }: ProtectedInstance,
  info: RedisInfo,
  client: RedisClient,
): Promise<TargetIdentity['managed']> {
  if (!control?.isAtHand) return undefined;
  const { runs } = control;
  const found = await identifyTarget(control, info, client);
  if (found.same === 'unknown') return undefined;
  return found.same === 'yes' ? { runs, yes: true } : { runs, yes: false, why: found.why };
}

/** Whether the server that answers is the one that its platform runs, whatever stands between. */
export function identifyTarget(control: ControlPart, info: RedisInfo, client: RedisClient): Promise<SameServer> {
  const { port: _, ...said } = saidBy(info);
  const askDir = async (): Promise<string | undefined> => {
    const settings = await ifKnown(client.configGet('dir')).catch(() => undefined);
    return client.unasked.has('CONFIG GET') ? undefined : settings?.dir;
  };
  return control.open().identify({ ...said, askDir });
}

/** What a server says of itself, for its platform to compare. */
export function saidBy(info: RedisInfo): ServerSaid {
  const [pid, port] = [info.number('process_id'), info.number('tcp_port')];
  const [configFile, runId] = [info.get('config_file'), info.get('run_id')];
  return {
    ...(pid ? { pid } : {}),
    ...(port ? { port } : {}),
    ...(configFile ? { configFile } : {}),
    ...(runId ? { runId } : {}),
  };
}
