import { OTHER } from '../data-class.ts';
import { formatCountOf } from '../format.ts';
import type { Observations } from './observations.ts';

type Seen = Pick<Observations, 'settings' | 'stored' | 'isSaid'>;

/**
 * Why a person is asked although `onDamage` is `serve-empty`: that is said of keys that a data class names, in advance. Whether others can
 * be made again is not known, nor how many there are where no backup tells. Whoever says it for this very recovery has been asked.
 * @returns one sentence; `undefined`: all that is known of can be made again
 */
export function unnamedText({ stored: { backup, unknown }, isSaid }: Seen): string | undefined {
  if (isSaid) return undefined;
  if (backup === null)
    return 'There is no backup that tells which of its keys are in no data class: those may be such as cannot be made again.';
  if (!backup)
    return `How many of its keys are in no data class could not be asked (${unknown.join('; ').replace(/\.$/, '') || 'the repository'}): those may be such as cannot be made again.`;
  const { keys = 0 } = backup.census.classes.find(({ name }) => name === OTHER) ?? {};
  if (keys > 0)
    return `${formatCountOf(keys, 'key')} of backup ${backup.backupId} ${keys === 1 ? 'is' : 'are'} in no data class: whether they can be made again is not known.`;
  return backup.rdb.parsed
    ? undefined
    : `Not every key of backup ${backup.backupId} could be counted: what they are is not known.`;
}

/** Without a question. */
export const mayBeLost = (seen: Seen): boolean => seen.settings.onDamage === 'serve-empty' && unnamedText(seen) === undefined;

/** Why it is asked, as the first sentence of the question. */
export const whyAsked = (seen: Seen): string =>
  seen.settings.onDamage === 'ask' ? 'Not all data can be made again.' : (unnamedText(seen) ?? '');
