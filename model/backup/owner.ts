import { ANY_HOST, differencesOf, formatTarget, type Target } from '../deployment.ts';
import { RecoveryError } from '../errors.ts';

/** Whose the backups of an instance are. Stands in the repository, beside them. */
export interface Owner {
  instance: string;
  deployment?: string;
  address: string;
  host?: string;
  /** ISO 8601. */
  since: string;
  /** Who had them before, and why that changed. The oldest first. */
  before: { deployment?: string; address: string; host?: string; until: string; why: string }[];
}

/** Where a backup was taken: of the Redis, without a secret. */
export type TakenFrom = Pick<Target, 'deployment' | 'address' | 'host'>;

export const takenFromOf = ({ deployment, address, host }: Target): TakenFrom => ({
  ...(deployment === undefined ? {} : { deployment }),
  address,
  ...(host === undefined ? {} : { host }),
});

/** In words. */
export const placeText = ({ deployment, address, host }: TakenFrom): string =>
  `${address}${host && host !== ANY_HOST ? ` on ${host}` : ''}${deployment ? `, deployment ${deployment}` : ''}`;

/** Signs that survive a move to another address: of the process, and of its history. */
export interface OwnershipSigns {
  runId: string;
  replid: string;
}

export const ownerOf = (target: Target, since: string): Owner => ({
  instance: target.instance,
  ...takenFromOf(target),
  since,
  before: [],
});

/** The same for a new one; the old one is remembered. */
export function takenOver({ before, since: _, instance: __, ...old }: Owner, target: Target, at: string, why: string): Owner {
  return { ...ownerOf(target, at), before: [...before, { ...old, until: at, why }] };
}

/** What is not as the owner has it, each in words. Where the repository is, and redis.conf, are no part of it. */
export const foreignTo = (owner: Owner, { repository, configFile: _, ...target }: Target): string[] =>
  differencesOf({ ...owner, repository }, { ...target, repository });

export const describeOwner = ({ instance, since, ...place }: Owner): string =>
  `${instance} at ${placeText(place)}, since ${since.slice(0, 10)}`;

/** @param what - what is refused, such as `no backup is taken` */
export const foreignRepository = (owner: Owner, target: Target, what: string): RecoveryError =>
  new RecoveryError(
    'REPOSITORY_FOREIGN',
    `the backups of ${target.instance} in ${target.repository} are those of ${describeOwner(owner)}, and this is ${formatTarget(target)}: ${what}`,
    {
      next: `Give this one a repository (prefix) of its own. If it is the same Redis, moved, or takes their place: redis-backup adopt ${target.instance} --why "…".`,
    },
  );
