import { AT_ONCE } from '../../archive/destructive.ts';
import type { Bounds } from '../../backup/expiry-timeline.ts';
import type { SnapshotManifest } from '../../backup/manifest.ts';
import { OTHER } from '../../data-class.ts';
import { type ClassLoss, sumOfBounds } from '../class-loss.ts';
import type { ClassKeys, Rehearsal } from '../rehearsal.ts';
import type { Knowledge, OutcomeClass, OutcomeRow, PlannedOutcome } from './planned.ts';
import type { PlanInput, PlannedLog } from './types.ts';

/** @param ofBackup - the classes of the backup, with what of them is alive now */
export function plannedOutcome(input: PlanInput, ofBackup: readonly ClassLoss[]): PlannedOutcome {
  const { log, rehearsal, nowMs, target, manifest } = input;
  const tried = rehearsal?.done ? rehearsal : undefined;
  const known: Knowledge = tried ? 'rehearsed' : log ? 'estimate' : 'expiry';
  const classes = outcomeClasses(input, ofBackup, tried);
  const after = tried ? exactly(tried.keys) : canBeTold(input) ? sumOfBounds(ofBackup.map((one) => one.aliveNow)) : undefined;
  return {
    known,
    ...(known === 'estimate' ? { why: whyUntried(input) } : {}),
    atMs: tried?.countedAtMs ?? nowMs + (target.clockOffsetMs ?? 0),
    all: row('all', manifest.rdb.keys, target.keysNow?.total, after),
    classes,
    databases: outcomeDatabases(input, tried, after),
  };
}

const whyUntried = ({ rehearsal }: PlanInput): string => (rehearsal && !rehearsal.done ? rehearsal.why : 'nobody tried it');

const exactly = (keys: number): Bounds => ({ atLeast: keys, atMost: keys });

/** Of a log that was not tried and has a FLUSHALL or the like in it, the backup tells nothing. */
const canBeTold = ({ rehearsal, moments = [], manifest, aofBackup, log }: PlanInput): boolean =>
  rehearsal?.done === true ||
  (moments.every(({ named }) => named !== undefined && named * 2 < manifest.rdb.keys) && !(aofBackup && mayEmpty(log)));

/** Nobody has noted the moments of a copied log: only which commands it has, and mostly that. */
const mayEmpty = (log: PlannedLog | undefined): boolean =>
  log !== undefined && log.bytes > 0 && (log.needs?.commands.some((name) => AT_ONCE.has(name)) ?? true);

function row(name: string, inBackup: number, inRedisNow: number | undefined, afterRestore: Bounds | undefined): OutcomeRow {
  return { name, inBackup, ...(inRedisNow === undefined ? {} : { inRedisNow }), ...(afterRestore ? { afterRestore } : {}) };
}

function outcomeClasses(input: PlanInput, ofBackup: readonly ClassLoss[], tried: Rehearsal | undefined): OutcomeClass[] {
  const now = input.target.keysNow?.classes;
  const names = new Set([...ofBackup, ...(tried?.classes ?? []), ...(now ?? [])].map(({ name }) => name));
  const inOrder = [...[...names].filter((name) => name !== OTHER), ...(names.has(OTHER) ? [OTHER] : [])];
  return inOrder.map((name) => {
    const counted = ofBackup.find((one) => one.name === name);
    const inRedisNow = now && (keysOf(now, name) ?? 0);
    const after = tried
      ? exactly(keysOf(tried.classes, name) ?? 0)
      : canBeTold(input)
        ? (counted?.aliveNow ?? exactly(0))
        : undefined;
    return {
      ...row(name, counted?.keysInBackup ?? 0, inRedisNow, after),
      ...(inRedisNow !== undefined && after && (tried || !input.log) ? { lost: lostOf(inRedisNow, after) } : {}), // a log adds what it likes
      expiry: counted?.expiry ?? 'unknown',
      sensitive: counted?.sensitive ?? input.classes.find((one) => one.name === name)?.sensitive ?? false,
      whenLost: counted?.whenLost ?? 'unknown',
    };
  });
}

const keysOf = (all: readonly ClassKeys[], name: string): number | undefined => all.find((one) => one.name === name)?.keys;

/** All of today's keys may be newer than the backup; at best every key that comes is one of them. */
const lostOf = (now: number, after: Bounds): Bounds => ({ atLeast: Math.max(0, now - after.atMost), atMost: now });

/** By database a backup knows which keys have a time to live, and not how long: of these all or none may be alive. */
function outcomeDatabases(input: PlanInput, tried: Rehearsal | undefined, all: Bounds | undefined): OutcomeRow[] {
  const { manifest, target } = input;
  const stored = manifest.rdb.databases;
  const dbs = [...new Set([...stored, ...(target.keysNow?.databases ?? []), ...(tried?.databases ?? [])].map(({ db }) => db))];
  return dbs
    .sort((a, b) => a - b)
    .map((db) => {
      const { keys = 0, expires = 0 } = stored.find((one) => one.db === db) ?? {};
      const now = target.keysNow && (target.keysNow.databases.find((one) => one.db === db)?.keys ?? 0);
      const after = tried
        ? exactly(tried.databases.find((one) => one.db === db)?.keys ?? 0)
        : all && within(all, { keys, expires }, stored);
      return row(`db${db}`, keys, now, after);
    });
}

/** What is known of all holds here, too: where all keys are alive, so are those of each database. */
function within(all: Bounds, { keys, expires }: Stored, stored: readonly Stored[]): Bounds {
  const sum = (of: (one: Stored) => number): number => stored.reduce((total, one) => total + of(one), 0);
  const [others, lasting] = [sum((one) => one.keys) - keys, sum((one) => one.keys - one.expires) - (keys - expires)];
  return {
    atLeast: Math.max(keys - expires, all.atLeast - others),
    atMost: Math.max(0, Math.min(keys, all.atMost - lasting)),
  };
}

type Stored = Pick<SnapshotManifest['rdb']['databases'][number], 'keys' | 'expires'>;
