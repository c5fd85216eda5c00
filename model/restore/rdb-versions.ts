/**
 * Which server can load which RDB. A server given a newer RDB exits at the start, and one given an unknown module type exits
 * with code 0, so both are decided before anything is stopped.
 */

export interface Server {
  product: 'redis' | 'valkey';
  /** As INFO says it: `7.0.15`. */
  version: string;
}

export interface RdbHeader {
  magic: 'REDIS' | 'VALKEY';
  version: number;
}

/** `unknown`: the server is newer than this table, and so is the RDB. `why` stands in the plan. */
export interface Loadable {
  loadable: 'yes' | 'no' | 'unknown';
  why: string;
}

/**
 * From this server version on, it writes and reads this RDB version. Ascending.
 * @see redis src/rdb.h RDB_VERSION at the tags 4.0.0, 5.0.0, 7.0.0, 7.2.0, 7.4.0; 8.0 keeps 12
 * @see redis/librdb #93 (8.6 writes 13) and #101 (8.8 writes 14); 15 for 8.10 is from release notes
 */
const REDIS_VERSIONS: readonly (readonly [from: string, rdb: number])[] = [
  ['4.0', 8],
  ['5.0', 9],
  ['7.0', 10],
  ['7.2', 11],
  ['7.4', 12],
  ['8.6', 13],
  ['8.8', 14],
  ['8.10', 15],
];

/** @see valkey src/rdb.h RDB_VERSION at 7.2.7, 8.0.1 and unstable; from 80 on the magic is `VALKEY` (valkey PR #2422) */
const VALKEY_VERSIONS: readonly (readonly [from: string, rdb: number])[] = [
  ['7.2', 11],
  ['9.0', 80],
  ['9.2', 81],
];

/** The newest release of each product that the tables know. */
const NEWEST_KNOWN = { redis: '8.10', valkey: '9.2' } as const;

/** From this RDB version on, Valkey writes its own magic. */
export const VALKEY_FORMAT_FROM = 80;

/** Valkey refuses what Redis wrote after the fork (`rdb-version-check strict`): valkey src/rdb.h RDB_FOREIGN_VERSION_MIN and _MAX. */
const FOREIGN_TO_VALKEY = { from: 12, to: 79 } as const;

/** Negative, 0 or positive, by number and not by letter: 8.10 is newer than 8.6. What is no number counts as 0. */
export function compareVersions(a: string, b: string): number {
  const numbers = (version: string): number[] => version.split('.').map((part) => Number.parseInt(part, 10) || 0);
  const [left, right] = [numbers(a), numbers(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i += 1) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

const releaseOf = (version: string): string => version.split('.').slice(0, 2).join('.');

/** The highest RDB version that a server surely loads, and whether it may know more than this table does. */
export function maxRdbVersion({ product, version }: Server): { rdbVersion: number; mayKnowMore: boolean } {
  const table = product === 'valkey' ? VALKEY_VERSIONS : REDIS_VERSIONS;
  let rdbVersion = 0;
  for (const [from, rdb] of table) if (compareVersions(version, from) >= 0) rdbVersion = rdb;
  return { rdbVersion, mayKnowMore: compareVersions(releaseOf(version), NEWEST_KNOWN[product]) > 0 };
}

/** Can this server load that RDB, as far as the format goes? Modules are another question: see `lackingModules`. */
export function canLoad(server: Server, rdb: RdbHeader): Loadable {
  const name = `${server.product === 'valkey' ? 'Valkey' : 'Redis'} ${server.version}`;
  const file = `RDB version ${rdb.version}${rdb.magic === 'VALKEY' ? ' of Valkey' : ''}`;
  if (rdb.magic === 'VALKEY' && server.product === 'redis') {
    return { loadable: 'no', why: `${name} does not read ${file}: Redis has no reader for Valkey's own format` };
  }
  if (server.product === 'valkey' && rdb.version >= FOREIGN_TO_VALKEY.from && rdb.version <= FOREIGN_TO_VALKEY.to) {
    return { loadable: 'no', why: `${name} refuses ${file}: Valkey reads what Redis wrote up to RDB version 11` };
  }
  const { rdbVersion, mayKnowMore } = maxRdbVersion(server);
  if (rdb.version <= rdbVersion) return { loadable: 'yes', why: `${name} reads up to RDB version ${rdbVersion}` };
  if (mayKnowMore) return { loadable: 'unknown', why: `${name} is newer than redis-backup's table of RDB versions` };
  return { loadable: 'no', why: `${name} reads up to RDB version ${rdbVersion}, and the backup is ${file}` };
}

/**
 * The module that registers a type, by the type's nine letters in the RDB and the module's name in MODULE LIST.
 * @see RedisModule_CreateDataType in RedisJSON, RedisBloom, RedisTimeSeries, RediSearch, FalkorDB and redis 8 modules/vector-sets
 */
const MODULE_OF_TYPE: Readonly<Record<string, string>> = {
  'ReJSON-RL': 'ReJSON',
  'MBbloom--': 'bf',
  MBbloomCF: 'bf',
  'CMSk-TYPE': 'bf',
  'TopK-TYPE': 'bf',
  'TDIS-TYPE': 'bf',
  'TSDB-TYPE': 'timeseries',
  ft_index0: 'search',
  ft_invidx: 'search',
  numericdx: 'search',
  trietype0: 'search',
  graphdata: 'graph',
  graphmeta: 'graph',
  vectorset: 'vectorset',
};

/**
 * Module types of an RDB that the server would not know, each with the module that it wants. A type that the table
 * doesn't have is judged by the modules of the server that wrote it: one of those must be its home.
 */
export function lackingModules(
  moduleTypes: readonly string[],
  written: readonly string[],
  present: readonly string[],
): { type: string; wants: string }[] {
  const has = (name: string): boolean => present.some((module) => module.toLowerCase() === name.toLowerCase());
  const gone = written.filter((name) => !has(name));
  return moduleTypes.flatMap((type) => {
    const known = MODULE_OF_TYPE[type];
    // Valkey's modules have other names for the same types (json, bf), so a module of the writer counts as well
    if (known !== undefined) {
      return has(known) || (known === 'ReJSON' && has('json')) ? [] : [{ type, wants: `module ${known}` }];
    }
    if (has(type)) return [];
    if (written.length === 0) return [{ type, wants: 'a module that redis-backup cannot name' }];
    return gone.length === 0 ? [] : [{ type, wants: `one of the modules ${gone.join(', ')}` }];
  });
}
