import { formatCountOf } from '../format.ts';

/** Keys of one database, as INFO says them: `expires` of them have a time to live. */
export interface KeysOfDatabase {
  db: number;
  keys: number;
  expires: number;
}

const sumOf = (databases: readonly KeysOfDatabase[]): number => databases.reduce((sum, { keys }) => sum + keys, 0);

/** So many keys do not all expire in the seconds of a restart. */
const MANY = 20;
/** Until it was stopped its clients have written on: so many may have been deleted. */
const DELETED_PART = 0.1;

/**
 * What a Redis that was stopped and started lacks of what it had. Undefined where nothing is known to be missing: keys with a time to
 * live go by themselves, and only so many at once tell.
 */
export function missingAfterRestart(before: readonly KeysOfDatabase[], now: readonly KeysOfDatabase[]): string | undefined {
  const [had, has] = [sumOf(before), sumOf(now)];
  const lacks = before.some(
    ({ db, keys, expires }) => (now.find((one) => one.db === db)?.keys ?? 0) < (keys - expires) * (1 - DELETED_PART),
  );
  if (!lacks && (had < MANY || has >= had / 2)) return undefined;
  return `it has ${formatCountOf(has, 'key')}, and had ${formatCountOf(had, 'key')} right before it was stopped`;
}
