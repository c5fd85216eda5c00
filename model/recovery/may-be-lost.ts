import { OTHER } from '../data-class.ts';
import { formatCount, formatCountOf } from '../format.ts';
import type { Observations } from './observations.ts';

type Seen = Pick<Observations, 'settings' | 'stored' | 'isSaid'>;

/**
 * Why a person is asked although `onDamage` is `serve-empty`: that is said of keys that a data class names, in advance. Whether others can
 * be made again is not known; a few of them keep nobody down, as little as a backup that is missing or away: what cannot be loaded is kept.
 * Whoever says it for this very recovery has been asked.
 * @returns one sentence; `undefined`: all that is known of can be made again
 */
function unnamedText({ stored: { backup }, settings, isSaid }: Seen): string | undefined {
  if (isSaid || !backup) return undefined;
  const { keys = 0 } = backup.census.classes.find(({ name }) => name === OTHER) ?? {};
  if (keys <= settings.tolerance * backup.rdb.keys) return undefined;
  return `${formatCount(keys)} of the ${formatCountOf(backup.rdb.keys, 'key')} of backup ${backup.backupId} are in no data class: whether they can be made again is not known.`;
}

/** Without a question. */
export const mayBeLost = (seen: Seen): boolean => seen.settings.onDamage === 'serve-empty' && unnamedText(seen) === undefined;

/** Why it is asked, as the first sentence of the question. */
export const whyAsked = (seen: Seen): string =>
  seen.settings.onDamage === 'ask' ? 'Not all data can be made again.' : (unnamedText(seen) ?? '');
