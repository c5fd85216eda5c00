import { formatBytes, formatCountOf } from '../format.ts';
import type { RedisLook } from '../redis-look.ts';
import { emptinessOf } from './emptiness.ts';
import { DISK_FULL_BYTES } from './end-evidence.ts';
import { type Found, found, logged } from './found.ts';
import { signOf } from './log-signatures.ts';
import type { Signs } from './observations.ts';

const BACKUP_HINT =
  'While it answers, take a backup over the network: `redis-backup backup` needs nothing of its disk where repl-diskless-sync is yes.';

/** The class of a Redis that has answered, by its own words. */
export function failureOfAnswer(signs: Signs, look: RedisLook): Found {
  const said = `Redis at ${look.address}: ${look.detail.replace(/\.$/, '')}.`;
  switch (look.verdict) {
    case 'loading':
      return found('loading', [said, progressOf(look)]);
    case 'busy':
      return found(
        'script-busy',
        [said],
        ['Ask who runs it before it is ended: SCRIPT KILL works only as long as it has written nothing.'],
      );
    case 'misconf':
      return failureOfSaving(signs, said);
    case 'full':
      return found(
        'memory-full',
        [said, memoryOf(look)],
        [
          'Raise maxmemory (below the memory of machine or container), or delete what is not needed; a restart frees nothing.',
          BACKUP_HINT,
        ],
      );
    case 'read-only':
      return failureOfReplica(signs, look, said);
    case 'refuses-writes':
      return found('unknown', [said, 'It answers reads and refuses writes.'], [adviceOn(look.detail)]);
    case 'password':
      return found(
        'password-refused',
        [said],
        [
          'Check the password and the user in the configuration, also after a rotation; then look again. Redis itself is not touched.',
        ],
      );
    case 'permission':
      return found(
        'password-refused',
        [said],
        ['Give the user of redis-backup what looking needs: ACL SETUSER <user> +info +ping +setrange ~__redis-backup:probe:*'],
      );
    case 'clients-full':
      return found(
        'clients-full',
        [said, clientsOf(signs)],
        [
          'Find who holds the connections (CLIENT LIST over one that is still open, or the applications), restart that application, or raise maxclients.',
        ],
      );
    case 'protected':
      return found(
        'bad-configuration',
        [said],
        [
          'Redis came up without a password and answers only its own machine: set requirepass or ACL users, or `protected-mode no` and `bind`.',
        ],
      );
    default:
      return emptyOrHealthy(signs, look, said);
  }
}

function emptyOrHealthy(signs: Signs, look: RedisLook, said: string): Found {
  const { facts } = look;
  const empty = facts && emptinessOf(signs, facts);
  if (empty) return empty;
  const advice = [
    ...(facts?.rdbLastSave === 'err' ? ['Its last background save failed: look for the reason in its log.'] : []),
    ...(facts?.aofLastWrite === 'err' ? ['The last write of its append-only log failed: look at its disk.'] : []),
    ...((facts?.evictedKeys ?? 0) > 0
      ? [`It has evicted ${formatCountOf(facts?.evictedKeys ?? 0, 'key')} since it started: look at maxmemory.`]
      : []),
  ];
  return found('healthy', [said, cutLog(signs)], advice);
}

function cutLog({ place }: Signs): string | undefined {
  const cut = signOf(place?.run, 'aof-cut');
  const hole = signOf(place?.earlierRun, 'aof-not-last');
  if (hole) return `The start before this one failed with "${hole.line}": this one loaded a log with a hole in it.`;
  return cut && `The load cut the end of its log off: ${cut.line}`;
}

function failureOfSaving(signs: Signs, said: string): Found {
  const { data, run } = signs.place ?? {};
  const noSpace = signOf(run, 'no-space');
  const free = data?.freeBytes;
  const isFull = /No space left|quota/i.test(said) || noSpace !== undefined || (free !== undefined && free < DISK_FULL_BYTES);
  const space = free === undefined ? undefined : `${data?.dir} has ${formatBytes(free)} free.`;
  if (isFull) {
    return found(
      'disk-full',
      [said, space, logged(noSpace?.line)],
      [
        `Make room on the disk of ${data?.dir ?? 'the data directory'}, or enlarge it; Redis goes on by itself. Do not restart it: a start writes, too.`,
        BACKUP_HINT,
      ],
    );
  }
  const why = signOf(run, 'fork-failed') ?? signOf(run, 'no-access') ?? signOf(run, 'save-failed') ?? signOf(run, 'aof-write');
  return found(
    'save-failing',
    [said, logged(why?.line), space],
    [
      'Mend what its log says of the failed save (memory for the fork, rights, the disk), then BGSAVE; writes come back with the first good save.',
      'If writes matter more than the save: CONFIG SET stop-writes-on-bgsave-error no, and set it back afterwards.',
      ...(why?.id === 'fork-failed' ? [] : [BACKUP_HINT]),
    ],
  );
}

function failureOfReplica(signs: Signs, { facts }: RedisLook, said: string): Found {
  const { primary, place } = signs;
  const name = facts?.primary ?? 'a primary that it did not name';
  const state = primary ? `${name}: ${primary.detail}` : `${name} could not be asked`;
  const advice = isRightlyReplica(signs)
    ? [
        `Its primary ${name} is alive, so this is rightly a replica: point the applications, and the url of the instance, at the primary.`,
      ]
    : ['Make sure that nothing else serves as the primary before this one is made one: two primaries lose writes.'];
  return found('read-only', [said, `It follows ${state}.`, place && `It runs on ${place.host}.`], advice);
}

/** Its primary is there: making this one a primary, too, would split the data. */
export const isRightlyReplica = ({ primary }: Signs): boolean =>
  primary !== undefined && ['serves', 'full', 'misconf', 'loading', 'busy'].includes(primary.verdict);

function adviceOn(detail: string): string {
  if (detail.includes('NOREPLICAS'))
    return 'Bring its replicas back, or lower min-replicas-to-write: it wants more of them before it takes writes.';
  if (detail.includes('CLUSTERDOWN')) return 'Look at CLUSTER INFO: the cluster must be whole first.';
  return 'Read the answer of Redis above.';
}

function progressOf({ facts }: RedisLook): string | undefined {
  if (facts?.loadingPercent === undefined) return undefined;
  return `It has loaded ${facts.loadingPercent.toFixed(0)} %, and needs about ${facts.loadingEtaSeconds ?? '?'} s more.`;
}

const memoryOf = ({ facts }: RedisLook): string | undefined =>
  facts &&
  `It uses ${formatBytes(facts.usedMemoryBytes)} of ${formatBytes(facts.maxmemoryBytes)}, policy ${facts.maxmemoryPolicy || 'unknown'}.`;

function clientsOf({ worker, place }: Signs): string | undefined {
  const facts = worker.facts ?? place?.local?.facts;
  return facts?.connectedClients === undefined ? undefined : `${facts.connectedClients} clients of ${facts.maxclients ?? '?'}.`;
}
