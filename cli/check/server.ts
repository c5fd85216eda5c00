import { formatDuration } from '../../model/format.ts';
import type { RedisClient } from '../../redis/client/client.ts';
import { describeConnection } from '../../redis/client/connection.ts';
import type { RedisInfo } from '../../redis/client/info.ts';
import { productOf } from '../../redis/server-facts.ts';
import { type Finding, failed, findings, ok, warning } from './finding.ts';

/** TTLs are counted by the server's clock and backups by ours: further apart, a restore is refused. */
const CLOCK_TOLERANCE_MS = 2_000;

/** The server answers, serves, and is the one to take backups of. */
export const checkServer = (client: RedisClient): Promise<Finding[]> =>
  findings('redis', async () => {
    const info = await client.info();
    const { product, version } = productOf(info);
    const role = info.get('role') === 'slave' ? 'replica' : 'primary';
    const where = describeConnection(client.connection);
    const loading = info.flag('loading') && !info.flag('async_loading');
    return [
      loading
        ? failed(
            'redis',
            `${where} is loading its data (${info.get('loading_loaded_perc') ?? '?'} %)`,
            'Wait until it has loaded.',
          )
        : ok('redis', `${where} answers: ${product} ${version}, ${role}`),
      ...topology(info),
      ...lastSave(info),
    ];
  });

function topology(info: RedisInfo): Finding[] {
  const found: Finding[] = [];
  if (info.flag('cluster_enabled')) {
    const message = 'it is a node of a Redis Cluster: a backup holds the slots of this node alone';
    found.push(
      warning(
        'topology',
        message,
        'Configure one instance for each primary; Redis Cluster as a whole is not supported in this version.',
      ),
    );
  }
  if (info.get('role') === 'slave') {
    const primary = `${info.get('master_host')}:${info.get('master_port')}`;
    found.push(
      info.get('master_link_status') === 'up'
        ? warning(
            'topology',
            `it is a replica of ${primary}: backups lag behind, and a restore into it would be overwritten`,
            `Name the primary for restores: redis://${primary}`,
          )
        : failed(
            'topology',
            `it is a replica of ${primary} whose link is down: backups would hold old data`,
            'Mend the link, or name the primary.',
          ),
    );
  }
  if ((info.number('min_slaves_good_slaves') ?? undefined) !== undefined) {
    const message =
      'it takes writes only while enough replicas are attached (min-replicas-to-write), so after a restore clients are refused until they are';
    found.push(warning('topology', message, 'Restore or restart its replicas right after it.'));
  }
  return found;
}

const lastSave = (info: RedisInfo): Finding[] =>
  info.get('rdb_last_bgsave_status') === 'err'
    ? [
        warning(
          'last save',
          'its last own save failed: a backup forks in the same way and may fail too',
          'Look into the log of Redis: disk space, memory for a fork (vm.overcommit_memory).',
        ),
      ]
    : [];

/** The clocks of the server and of this machine agree. */
export const checkClock = (client: RedisClient, now: () => number): Promise<Finding[]> =>
  findings('clock', async () => {
    const before = now();
    const server = await client.time();
    const after = now();
    // The server's clock was read somewhere in between: only what lies outside is known to be skew.
    const skewMs = server < before ? server - before : Math.max(0, server - after);
    if (Math.abs(skewMs) <= CLOCK_TOLERANCE_MS) return ok('clock', 'the clocks agree');
    const message = `the server's clock is ${formatDuration(Math.abs(skewMs))} ${skewMs < 0 ? 'behind' : 'ahead of'} this machine's`;
    return failed(
      'clock',
      message,
      'Set both by NTP: times to live are counted by one clock and backups by the other, so restores are refused.',
    );
  });
