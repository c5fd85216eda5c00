import type { RdbFacts, ServerFacts } from '../../model/backup/manifest.ts';

const FEWEST_DATABASES = 16;

/** What files tell of the server that wrote them: little, and nothing of how it was configured. */
export function guessedServer(
  rdb: RdbFacts | undefined,
  { aux, isMultiPart }: { aux: Record<string, string>; isMultiPart: boolean },
): ServerFacts {
  const product = rdb?.magic === 'VALKEY' || aux['valkey-ver'] !== undefined ? 'valkey' : 'redis';
  const highest = Math.max(-1, ...(rdb?.databases.map(({ db }) => db) ?? []));
  return {
    product,
    // A log of commands does not say it: the oldest that has such files.
    version: aux['valkey-ver'] ?? aux['redis-ver'] ?? (isMultiPart ? '7.0.0' : '6.0.0'),
    runId: '',
    role: 'master',
    usedMemoryBytes: rdb?.usedMemoryBytes ?? rdb?.bytes ?? 0,
    maxmemoryBytes: 0,
    maxmemoryPolicy: 'noeviction',
    databases: Math.max(FEWEST_DATABASES, highest + 1),
    modules: [],
    replicas: [],
    policy: {
      ...{ save: '', appendonly: '', appendfsync: '', dir: '', dbfilename: '', appenddirname: '', appendfilename: '' },
      ...{ rdbcompression: '', rdbchecksum: '' },
    },
  };
}
