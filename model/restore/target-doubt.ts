import { backupsInOrder } from '../backup/backup-time.ts';
import type { SnapshotManifest } from '../backup/manifest.ts';
import { OTHER } from '../data-class.ts';
import { formatCount, formatCountOf, formatList } from '../format.ts';
import type { KeyKind } from '../key-kind.ts';
import type { TargetFacts, TargetIdentity } from './plan/facts.ts';
import type { Refusal } from './plan/types.ts';

/** What is known of the Redis that answers for an instance, and of where its backups came from. */
export interface DoubtFacts {
  instance: string;
  identity: TargetIdentity;
  /** Absent: it was not counted. */
  keysNow?: TargetFacts['keysNow'];
  /** Of this instance. */
  backups: readonly SnapshotManifest[];
  nowMs: number;
}

/** What a restore will not take for settled. */
export interface TargetDoubt {
  /** Each as a clause. None: there is no reason to think that another Redis answers. */
  doubts: string[];
  /** Other configured instances that get the data, too, though this is surely the Redis that is meant. */
  alsoOf: string[];
}

/** Less than this part of the keys are of a kind that the other side has, too. */
const FEW_ALIKE = 0.1;
/** A Redis that was started empty has the keys of a health check, and the like: they say nothing. */
const TOO_FEW_KEYS = 20;
/** So many of the newest backups say what an instance holds. */
const LOOK_BACK = 20;

/**
 * Is this the Redis that the backups were taken from? A run id or a history that they know settles it. A restarted Redis has
 * another run id, and an empty one another history, so these alone are no doubt: that is a process which is configured as
 * another instance, or is not the one that is managed; or keys that have nothing in common with those of any backup.
 */
export function targetDoubt(facts: DoubtFacts): TargetDoubt {
  const { instance, identity } = facts;
  const { sameAs = [], managed } = identity;
  const names = sameAs.map(({ name }) => name);
  if (isKnown(facts)) return { doubts: [], alsoOf: names };
  const isManaged = managed?.yes === true;
  const rivals = isManaged ? sameAs.filter(({ runs }) => runs === managed.runs) : sameAs;
  const strange = strangeKeys(facts);
  const doubts = [
    ...(rivals.length > 0
      ? [
          doubtOfRivals(
            instance,
            rivals.map(({ name }) => name),
          ),
        ]
      : []),
    ...(managed?.yes === false ? [managed.why] : []),
    ...(strange === undefined ? [] : [strange]),
  ];
  return { doubts, alsoOf: names.filter((name) => !rivals.some((rival) => rival.name === name)) };
}

export const doubtOfRivals = (instance: string, rivals: readonly string[]): string =>
  `the Redis that answers for ${instance} is that of ${formatList(rivals)}, too`;

/** Safety snapshots were taken of whatever was replaced. */
const ownBackups = ({ backups, nowMs }: DoubtFacts): SnapshotManifest[] =>
  backupsInOrder(backups, nowMs)
    .filter(({ reason }) => reason !== 'safety')
    .slice(-LOOK_BACK);

function isKnown(facts: DoubtFacts): boolean {
  const { runId, replids = [] } = facts.identity;
  return ownBackups(facts).some(
    ({ server, replication }) =>
      (runId !== undefined && runId !== '' && server.runId === runId) ||
      (replication.replid !== '' && replids.includes(replication.replid)),
  );
}

interface Named {
  keys: number;
  kinds: readonly KeyKind[];
  classes: readonly { name: string; keys: number }[];
}

/** Undefined: some keys are like those of a backup, or that is not known. */
function strangeKeys(facts: DoubtFacts): string | undefined {
  const { keysNow, instance } = facts;
  if (!keysNow?.kinds || !keysNow.classes || keysNow.total < TOO_FEW_KEYS) return undefined;
  const now: Named = { keys: keysNow.total, kinds: keysNow.kinds, classes: keysNow.classes };
  const counted = ownBackups(facts).filter(({ rdb, census }) => rdb.parsed && census.kinds && census.keys >= TOO_FEW_KEYS);
  const newest = counted.at(-1);
  if (!newest || counted.some(({ census }) => isAlike(now, { ...census, kinds: census.kinds ?? [] }))) return undefined;
  return `it holds ${formatCountOf(now.keys, 'key')} (${kindsText(now.kinds)}), and the backups of ${instance} are of others (${kindsText(newest.census.kinds ?? [])})`;
}

/** One side may have lost all but a few kinds: it is enough that what it has is known to the other. */
function isAlike(one: Named, other: Named): boolean {
  return Math.max(shareIn(one, other), shareIn(other, one)) >= FEW_ALIKE;
}

/** Which part of the keys of `one` may be of a kind, or a class, that `other` has. Those of no known kind may be of any. */
function shareIn(one: Named, other: Named): number {
  const sum = (all: readonly { keys: number }[]): number => all.reduce((total, { keys }) => total + keys, 0);
  const has = (all: readonly KeyKind[], name: string): boolean => all.some((kind) => kind.name === name && kind.keys > 0);
  const kinds = sum(one.kinds.filter(({ name }) => has(other.kinds, name)));
  const unknown = Math.max(0, one.keys - sum(one.kinds));
  const classes = sum(one.classes.filter(({ name }) => name !== OTHER && has(other.classes, name)));
  return Math.max(kinds + unknown, classes) / one.keys;
}

const KINDS_SHOWN = 3;

const kindsText = (kinds: readonly KeyKind[]): string =>
  formatList(
    kinds.slice(0, KINDS_SHOWN).map(({ name, keys }) => `${formatCount(keys)} ${name === '' ? 'without a name' : `${name}…`}`),
  );

/** Refused until somebody says that it is meant. */
export function doubtRefusal(instance: string, { doubts }: TargetDoubt, intoAnother = false): Refusal | undefined {
  if (doubts.length === 0 || intoAnother) return undefined;
  return {
    code: 'TARGET_DOUBTFUL',
    message: `this may not be the Redis of ${instance}: ${doubts.join('; ')}`,
    next: `Correct the url of ${instance} in redis-backup.yaml; \`redis-backup check ${instance}\` shows who answers. If its data is wanted in this very Redis: --into-another (field intoAnother).`,
  };
}

/** The first line of a plan. */
export const doubtLine = ({ doubts }: Pick<TargetDoubt, 'doubts'>): string[] =>
  doubts.length > 0 ? [`INTO ANOTHER REDIS? ${doubts.join('; ')}`] : [];

export const alsoOfWarning = (instance: string, { alsoOf }: TargetDoubt): string[] =>
  alsoOf.length > 0 ? [`${formatList(alsoOf)} is configured with the same Redis as ${instance}: its data is replaced, too`] : [];
