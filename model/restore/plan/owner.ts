import { describeOwner } from '../../backup/owner.ts';
import { refuse } from './identity.ts';
import type { PlanInput, Refusal, RestorePlan } from './types.ts';

/** Data of another Redis, or of another deployment, comes in only where somebody has said that it is meant. */
export function ownerRefusal({ name: instance, foreignOwner, options }: PlanInput): Refusal | undefined {
  if (!foreignOwner || options?.fromAnother) return undefined;
  return refuse(
    'REPOSITORY_FOREIGN',
    `the backups of ${instance} in this repository are those of another: ${describeOwner(foreignOwner)}`,
    `If their data is wanted here: --from-another. If it is the same Redis, moved: redis-backup adopt ${instance} --why "…".`,
  );
}

/** The first line of a plan, where the data is somebody else's. */
export const ownerLine = ({ foreignOwner }: Pick<RestorePlan, 'foreignOwner'>): string[] =>
  foreignOwner ? [`DATA OF ANOTHER: these are the backups of ${describeOwner(foreignOwner)}`] : [];
