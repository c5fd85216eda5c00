import type { RedisFacts } from '../../model/health-report.ts';
import type { RedisInfo } from '../client/info.ts';
import { secondReplid } from '../roles.ts';
import { productOf } from '../server-facts.ts';
import { lastLoad, loadingProgress } from './loading.ts';

/** What INFO (all of its default sections) says, as far as a decision depends on it. */
export function factsOf(info: RedisInfo): RedisFacts {
  const { loading, percent, etaSeconds } = loadingProgress(info);
  const isReplica = info.get('role') === 'slave';
  return withoutAbsent({
    ...productOf(info),
    runId: info.get('run_id') ?? '',
    pid: info.number('process_id') ?? 0,
    uptimeSeconds: info.number('uptime_in_seconds') ?? 0,
    role: isReplica ? 'slave' : 'master',
    keys: info.keyspace().reduce((sum, { keys }) => sum + keys, 0),
    loading,
    loadingPercent: loading ? percent : undefined,
    loadingEtaSeconds: loading ? etaSeconds : undefined,
    keysLoaded: lastLoad(info).keysLoaded,
    appendonly: info.flag('aof_enabled'),
    rdbLastSave: info.get('rdb_last_bgsave_status'),
    aofLastWrite: info.get('aof_last_write_status'),
    changesSinceSave: info.number('rdb_changes_since_last_save'),
    lastSaveAt: info.number('rdb_last_save_time'),
    evictedKeys: info.number('evicted_keys'),
    usedMemoryBytes: info.number('used_memory') ?? 0,
    maxmemoryBytes: info.number('maxmemory') ?? 0,
    maxmemoryPolicy: info.get('maxmemory_policy') ?? '',
    connectedClients: info.number('connected_clients'),
    maxclients: info.number('maxclients'),
    replid: info.get('master_replid') ?? '',
    replid2: secondReplid(info),
    secondOffset: secondReplid(info) === undefined ? undefined : info.number('second_repl_offset'),
    replOffset: info.number('master_repl_offset') ?? 0,
    primary: isReplica ? `${info.get('master_host')}:${info.get('master_port')}` : undefined,
    primaryLinkUp: isReplica ? info.get('master_link_status') === 'up' : undefined,
    primaryGoneSeconds: isReplica ? info.number('master_link_down_since_seconds') : undefined,
    replicas: info.replicas(),
  });
}

type Optional<T> = { [K in keyof T]: T[K] | undefined };

/** What is not there is absent, as it is after a way through JSON. */
const withoutAbsent = (facts: Optional<RedisFacts>): RedisFacts =>
  Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)) as unknown as RedisFacts;
