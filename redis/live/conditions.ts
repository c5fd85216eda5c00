import type { RedisClient } from '../client/client.ts';
import type { RedisInfo } from '../client/info.ts';
import { ifKnown } from '../client/renames.ts';
import { runningChild } from '../persistence/children.ts';
import { countSentinels } from '../sentinels.ts';
import { productOf } from '../server-facts.ts';
import { type FollowSettings, type KnownSecrets, readFollowSettings } from './settings.ts';

/** What decides whether a Redis can be loaded live, and what it will feel. Plain JSON, without secrets. */
export interface LiveConditions {
  product: 'redis' | 'valkey';
  version: string;
  /** Pin what follows to it: another one means that Redis was restarted, and has its old data back. */
  runId: string;
  /** With `offset`: what the primary of the load must take for its own identity (see ServePrimaryOptions). */
  replid: string;
  offset: number;
  role: 'master' | 'slave';
  /** Where it is a replica. */
  primary?: { host: string; port: number; isLinkUp: boolean };
  /** They get the new data by a full resynchronization. Our own archiver is one of them. */
  replicas: number;
  isLoading: boolean;
  isAsyncLoading: boolean;
  /** What a child of Redis is doing, in words; it delays the rewrite of its own file. */
  runningChild?: string;
  usedMemoryBytes: number;
  /** 0: no limit of its own. */
  maxmemoryBytes: number;
  maxmemoryPolicy: string;
  /** Of the machine, or of what Redis takes for it; a container's limit is not known to Redis. */
  systemMemoryBytes?: number;
  lazyfreePending: number;
  /** Some make Redis load by disk, and answer LOADING meanwhile; which ones, it tells in its log only. */
  modules: string[];
  isCluster: boolean;
  /** Sentinels that watch it: they would take it for a replica, and promote another one. Absent: not permitted to ask. */
  sentinels?: number;
  isTlsReplication: boolean;
  minReplicasToWrite: number;
  appendonly: boolean;
  save: string;
  /** Commands of a log that Redis could not execute are only counted here. Absent before 6.2. */
  unexpectedErrorReplies?: number;
  settings: FollowSettings;
  /** CONFIG is disabled there, or has a name that nobody knows: nothing can be set for the load. */
  lacksConfig?: true;
}

/** Asks all of it, changes nothing. Needs `+info +config|get +module|list`, and `+pubsub|numsub` for Sentinel. */
export async function readLiveConditions(client: RedisClient, known: KnownSecrets = {}): Promise<LiveConditions> {
  const [info, config, modules, sentinels, settings] = await Promise.all([
    client.info(),
    ifKnown(client.configGet('maxmemory', 'maxmemory-policy', 'tls-replication', 'min-replicas-to-write', 'appendonly', 'save')),
    client.moduleList(),
    countSentinels(client),
    ifKnown(readFollowSettings(client, known)),
  ]);
  return {
    ...productOf(info),
    ...historyOf(info),
    ...stateOf(info),
    maxmemoryBytes: info.number('maxmemory') ?? Number(config?.maxmemory ?? 0),
    maxmemoryPolicy: info.get('maxmemory_policy') ?? config?.['maxmemory-policy'] ?? '',
    modules: modules.map(({ name }) => name),
    ...(sentinels === undefined ? {} : { sentinels }),
    isTlsReplication: config?.['tls-replication'] === 'yes',
    minReplicasToWrite: Number(config?.['min-replicas-to-write'] ?? 0),
    appendonly: config?.appendonly === 'yes',
    save: config?.save ?? '',
    settings: settings ?? { values: {}, masterauth: 'none' },
    ...(config && !client.unasked.has('CONFIG GET') ? {} : { lacksConfig: true }),
  };
}

function historyOf(info: RedisInfo): Pick<LiveConditions, 'runId' | 'replid' | 'offset' | 'role' | 'primary' | 'replicas'> {
  const isReplica = info.get('role') === 'slave';
  const primary = {
    host: info.get('master_host') ?? '',
    port: info.number('master_port') ?? 0,
    isLinkUp: info.get('master_link_status') === 'up',
  };
  return {
    runId: info.get('run_id') ?? '',
    replid: info.get('master_replid') ?? '',
    offset: info.number('master_repl_offset') ?? 0,
    role: isReplica ? 'slave' : 'master',
    ...(isReplica ? { primary } : {}),
    replicas: info.number('connected_slaves') ?? 0,
  };
}

function stateOf(info: RedisInfo) {
  const child = runningChild(info);
  const systemMemoryBytes = info.number('total_system_memory');
  const unexpectedErrorReplies = info.number('unexpected_error_replies');
  return {
    isLoading: info.flag('loading'),
    isAsyncLoading: info.flag('async_loading'),
    ...(child === undefined ? {} : { runningChild: child }),
    usedMemoryBytes: info.number('used_memory') ?? 0,
    ...(systemMemoryBytes === undefined ? {} : { systemMemoryBytes }),
    lazyfreePending: info.number('lazyfree_pending_objects') ?? 0,
    isCluster: info.flag('cluster_enabled'),
    ...(unexpectedErrorReplies === undefined ? {} : { unexpectedErrorReplies }),
  };
}
