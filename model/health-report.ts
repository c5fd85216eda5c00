/**
 * What one look at a Redis found, as a closed list.
 *
 * serves          a read was answered, and a write would be
 * loading         it loads its data, and answers INFO only
 * busy            a script or function blocks it
 * misconf         it refuses writes because it cannot save or cannot write its log
 * full            it refuses writes because of maxmemory
 * read-only       it is a replica that refuses writes
 * refuses-writes  it refuses writes for another reason, which `detail` has
 * password        it refuses our password, or wants one
 * permission      it refuses our user what looking needs
 * clients-full    it takes no more connections
 * protected       it answers only its own machine (protected mode)
 * refused         nothing listens there
 * unreachable     no connection: no name, no route, or nobody answered
 * silent          it takes connections and answers nothing
 * reset           it ends connections without a word
 * tls             no TLS, or another one than configured
 * not-redis       something answered that is no Redis
 */
export const HEALTH_VERDICTS = [
  'serves',
  'loading',
  'busy',
  'misconf',
  'full',
  'read-only',
  'refuses-writes',
  'password',
  'permission',
  'clients-full',
  'protected',
  'refused',
  'unreachable',
  'silent',
  'reset',
  'tls',
  'not-redis',
] as const;

export type HealthVerdict = (typeof HEALTH_VERDICTS)[number];

export interface HealthReport {
  verdict: HealthVerdict;
  /** One sentence, with Redis' own words where it had some. Without secrets. */
  detail: string;
  /** `host:port`. */
  address: string;
  /** From INFO, where it answered. */
  facts?: RedisFacts;
}

/** What INFO says, as far as a decision depends on it. Absent: the server didn't say. */
export interface RedisFacts {
  product: 'redis' | 'valkey';
  version: string;
  runId: string;
  pid: number;
  uptimeSeconds: number;
  role: 'master' | 'slave';
  keys: number;
  loading: boolean;
  loadingPercent?: number;
  loadingEtaSeconds?: number;
  /** What the last load brought, from 7.0 on. */
  keysLoaded?: number;
  appendonly: boolean;
  /** `ok` or `err`. */
  rdbLastSave?: string;
  aofLastWrite?: string;
  changesSinceSave?: number;
  /** Seconds since 1970. */
  lastSaveAt?: number;
  evictedKeys?: number;
  usedMemoryBytes: number;
  maxmemoryBytes: number;
  maxmemoryPolicy: string;
  connectedClients?: number;
  maxclients?: number;
  replid: string;
  /** Of the history before a promotion. Absent: there was none. */
  replid2?: string;
  /** With `replid2`: from this offset on it has not followed that history any more. */
  secondOffset?: number;
  replOffset: number;
  /** `host:port` of its primary, of a replica. */
  primary?: string;
  primaryLinkUp?: boolean;
  /** How long it has been without. */
  primaryGoneSeconds?: number;
  /** `host:port`, as they stand in INFO. Backups and archivers are left out: they listen nowhere. */
  replicas: string[];
}

/** Redis itself has answered, whatever it said. */
export const heardRedis = ({ verdict }: HealthReport): boolean =>
  !['refused', 'unreachable', 'silent', 'reset', 'tls', 'not-redis'].includes(verdict);
