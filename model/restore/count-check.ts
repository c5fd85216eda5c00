import type { Bounds } from '../backup/expiry-timeline.ts';
import type { ErrorCode } from '../errors.ts';
import { formatBounds, formatCount, formatCountOf, formatDuration } from '../format.ts';
import type { RestoreMode } from './plan/types.ts';

/** What was measured around one load. Functions are no keys: none of these figures counts them. */
export interface CountFacts {
  mode: RestoreMode;
  /** Keys of the RDB that was loaded, all databases, expired ones included. */
  manifestKeys: number;
  /** False: the reader stopped early, and the count of the RDB is not known. */
  parsed: boolean;
  /** INFO `rdb_last_load_keys_loaded` of the started process; before Redis 7.0 from its log, see load-log.ts. */
  keysLoaded?: number;
  /** INFO `rdb_last_load_keys_expired`. */
  keysExpired?: number;
  /** From the log: empty collections that Redis dropped in silence. */
  emptyKeysSkipped?: number;
  /** Sum of DBSIZE once `loading:0`. */
  dbsizeAfter: number;
  /** INFO `evicted_keys` of the started process. */
  evictedKeys: number;
  /** The plan said that the data fills maxmemory and that keys may be evicted, and was approved. */
  evictionsAnnounced?: boolean;
  /**
   * Living keys of the RDB by the server's clock (ours plus `clockOffsetMs`): at a moment before its load began, and at one
   * after `dbsizeAfter` was read.
   * Absent when the RDB was not read on its way.
   */
  alive?: { before: Bounds; after: Bounds };
  /** Server's TIME minus ours, after the start. */
  clockOffsetMs: number;
  /** Of the process that these figures come from, and of it when they were read last. */
  runId: { atFirst: string; atLast: string };
  /** Bytes of base and log that were put in place, and that Redis says it has loaded (INFO `aof_current_size`). */
  log?: { expectedBytes: number; appliedBytes?: number };
  /** Connected clients may have written already. */
  writesSeen?: boolean;
}

export interface CountVerdict {
  ok: boolean;
  /** Every key is accounted for, one by one. False: only within bounds. */
  exact: boolean;
  /** One sentence with the figures. */
  message: string;
  /** Keys of the RDB. */
  keysExpected: number;
  /** Of these, accounted for: loaded, expired before they could be, or empty. */
  keysFound: number;
  keysLoaded: number;
  keysExpired: number;
  code?: Extract<ErrorCode, 'COUNT_MISMATCH' | 'CLOCK_SKEW'>;
}

/** As in the plan; the server's clock decides what has expired. */
const MAX_CLOCK_OFFSET_MS = 2_000;

/**
 * Did every key of the backup come back? The rule, measured on redis 7.0.15, 8.0.2 and 8.2.3:
 * a dump.rdb gives loaded + expired = manifest, the base of an append-only directory gives loaded = manifest and expired 0.
 * The equation also holds when everything has expired, so what was loaded must lie within what was alive as well.
 */
export function checkCounts(facts: CountFacts): CountVerdict {
  const refused = unusable(facts);
  if (refused) return refused;
  if (facts.keysLoaded === undefined) return boundedByDbsize(facts, facts.dbsizeAfter);
  return exactCount(facts, facts.keysLoaded, facts.keysExpired ?? 0);
}

function unusable(facts: CountFacts): CountVerdict | undefined {
  if (facts.runId.atFirst !== facts.runId.atLast) {
    return mismatch(facts, 'Redis was restarted by something else while its keys were counted: the figures are of two processes');
  }
  if (Math.abs(facts.clockOffsetMs) > MAX_CLOCK_OFFSET_MS) {
    const away = formatDuration(Math.abs(facts.clockOffsetMs));
    const message = `the server's clock is ${away} ${facts.clockOffsetMs > 0 ? 'ahead of' : 'behind'} ours, so its expiries prove nothing`;
    return { ...mismatch(facts, message), code: 'CLOCK_SKEW' };
  }
  if (facts.evictedKeys > 0 && !facts.evictionsAnnounced) {
    return mismatch(
      facts,
      `${formatCountOf(facts.evictedKeys, 'key was', 'keys were')} evicted right after the load: maxmemory is too low for this data`,
    );
  }
  return undefined;
}

function exactCount(facts: CountFacts, loaded: number, expired: number): CountVerdict {
  const skipped = facts.emptyKeysSkipped ?? 0;
  const found = loaded + expired + skipped;
  if (!facts.parsed) return uncounted(facts, loaded, expired);
  if (facts.mode === 'append-only-directory' && expired > 0) {
    return mismatch(
      facts,
      `${formatCountOf(expired, 'key')} expired in the load of an append-only base, which expires none: another file was loaded`,
    );
  }
  if (found !== facts.manifestKeys) {
    const difference = facts.manifestKeys - found;
    const what =
      difference > 0
        ? `${formatCountOf(difference, 'key is', 'keys are')} missing`
        : `${formatCountOf(-difference, 'key', 'keys')} too many`;
    return mismatch(
      facts,
      `${what}: ${formatCount(loaded)} loaded + ${formatCount(expired)} expired, and the backup has ${formatCount(facts.manifestKeys)}`,
    );
  }
  if (facts.log) return replayed(facts, facts.log, loaded);
  return withinTheLiving(facts, loaded, expired) ?? keptInMemory(facts, loaded) ?? proved(facts, loaded, expired);
}

/** After the base the log decides what is there, FLUSHALL included: that its bytes were read proves nothing about what came out. */
function replayed(
  facts: CountFacts,
  { expectedBytes, appliedBytes }: NonNullable<CountFacts['log']>,
  loaded: number,
): CountVerdict {
  const base = `all ${formatCountOf(loaded, 'key')} of the base were loaded`;
  if (appliedBytes !== undefined && appliedBytes < expectedBytes) {
    return mismatch(
      facts,
      `${base}, but only ${formatCount(appliedBytes)} of ${formatCount(expectedBytes)} bytes of base and log were read`,
    );
  }
  const read = appliedBytes === undefined ? '; this server does not say how much of the log it read' : '';
  return accepted(facts, false, `${base}, and no command of the log was refused${read}`);
}

/** Only a dump.rdb is loaded without its expired keys. Loaded between the two moments, so between what was alive at either. */
function withinTheLiving(facts: CountFacts, loaded: number, expired: number): CountVerdict | undefined {
  if (facts.mode !== 'rdb-file' || !facts.alive) return undefined;
  const between: Bounds = {
    atLeast: facts.alive.after.atLeast - (facts.emptyKeysSkipped ?? 0),
    atMost: facts.alive.before.atMost,
  };
  if (loaded >= between.atLeast && loaded <= between.atMost) return undefined;
  return mismatch(
    facts,
    `${formatCount(loaded)} keys were loaded and ${formatCount(expired)} had expired, but ${formatBounds(between)} were alive at that time: the clock of the server was wrong while it loaded`,
  );
}

/** Loaded and gone again. DBSIZE may be lower by what expired since, or by hashes whose fields all had. */
function keptInMemory(facts: CountFacts, loaded: number): CountVerdict | undefined {
  if (facts.dbsizeAfter > 0 || loaded === 0) return undefined;
  const stillAlive = facts.alive?.after.atLeast ?? 0;
  return stillAlive > 0
    ? mismatch(
        facts,
        `${formatCount(loaded)} keys were loaded, ${formatCount(stillAlive)} must still be alive, and Redis holds none: something emptied it`,
      )
    : undefined;
}

function proved(facts: CountFacts, loaded: number, expired: number): CountVerdict {
  if (facts.manifestKeys > 0 && (facts.dbsizeAfter === 0 || loaded === 0)) {
    // without a timeline nobody can say that being empty is right
    if (!facts.alive) {
      return mismatch(
        facts,
        `nothing came back: ${formatCount(loaded)} loaded, ${formatCount(expired)} expired, and when they expire was not recorded`,
      );
    }
    return accepted(
      facts,
      true,
      `EMPTY, and rightly so: every one of the ${formatCountOf(facts.manifestKeys, 'key')} of the backup had expired`,
    );
  }
  const rest = expired > 0 ? `, ${formatCount(expired)} had expired` : '';
  const skipped = facts.emptyKeysSkipped ? `, ${formatCount(facts.emptyKeysSkipped)} were empty and skipped` : '';
  const evicted = facts.evictedKeys > 0 ? `; ${formatCount(facts.evictedKeys)} evicted since, as the plan had warned` : '';
  return accepted(
    facts,
    true,
    `all ${formatCountOf(facts.manifestKeys, 'key')} are accounted for: ${formatCount(loaded)} loaded${rest}${skipped}${evicted}`,
  );
}

/** Redis 6.2 says nothing about its load: DBSIZE must at least lie within what can be there. */
function boundedByDbsize(facts: CountFacts, dbsize: number): CountVerdict {
  if (!facts.parsed) return uncounted(facts, dbsize, 0);
  const atMost = facts.mode === 'rdb-file' ? (facts.alive?.before.atMost ?? facts.manifestKeys) : facts.manifestKeys;
  const between: Bounds = { atLeast: facts.alive?.after.atLeast ?? 0, atMost };
  const tooMany = dbsize > atMost && !facts.writesSeen;
  if (dbsize + facts.evictedKeys < between.atLeast || tooMany) {
    return mismatch(
      facts,
      `Redis holds ${formatCountOf(dbsize, 'key')}, and ${formatBounds(between)} of the backup can be alive`,
    );
  }
  if (dbsize === 0 && facts.manifestKeys > 0 && !facts.alive) {
    return mismatch(facts, `Redis is empty, and the backup has ${formatCountOf(facts.manifestKeys, 'key')}`);
  }
  if (dbsize === 0 && facts.manifestKeys > 0) {
    return accepted(
      facts,
      false,
      'EMPTY: every key of the backup can have expired, and this server does not say how many it loaded',
    );
  }
  return accepted(
    facts,
    false,
    `Redis holds ${formatCountOf(dbsize, 'key')}, within the ${formatBounds(between)} that can be alive; this server does not say how many it loaded`,
  );
}

function uncounted(facts: CountFacts, loaded: number, expired: number): CountVerdict {
  // the reader counted so many before it stopped, so there are at least as many
  if (loaded + expired < facts.manifestKeys || loaded + expired === 0) {
    return mismatch(
      facts,
      `${formatCountOf(loaded + expired, 'key')} came back, and the backup has at least ${formatCount(facts.manifestKeys)}`,
    );
  }
  return accepted(
    facts,
    false,
    `${formatCount(loaded)} keys loaded and ${formatCount(expired)} expired; the keys of the backup were not all counted, so this proves nothing`,
  );
}

function accepted(facts: CountFacts, exact: boolean, message: string): CountVerdict {
  const figures = figuresOf(facts);
  return { ok: true, exact, message, ...figures };
}

const mismatch = (facts: CountFacts, message: string): CountVerdict => ({
  ok: false,
  exact: false,
  message,
  ...figuresOf(facts),
  code: 'COUNT_MISMATCH',
});

function figuresOf(facts: CountFacts): Pick<CountVerdict, 'keysExpected' | 'keysFound' | 'keysLoaded' | 'keysExpired'> {
  const keysLoaded = facts.keysLoaded ?? facts.dbsizeAfter;
  const keysExpired = facts.keysExpired ?? 0;
  return {
    keysExpected: facts.manifestKeys,
    keysFound: keysLoaded + keysExpired + (facts.emptyKeysSkipped ?? 0),
    keysLoaded,
    keysExpired,
  };
}
