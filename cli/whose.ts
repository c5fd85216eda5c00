import type { Config } from '../config/config.ts';
import { targetOf } from '../config/target.ts';
import type { Owner } from '../model/backup/owner.ts';
import { RecoveryError } from '../model/errors.ts';
import { ownerLine } from '../model/restore/plan/owner.ts';
import type { Repository } from '../repository/repository.ts';

/**
 * Whose the backups of an instance are, where they are somebody else's; and the line that says so, for the first one of an
 * answer.
 */
export interface Whose {
  foreignOwner?: Owner;
  lines: string[];
}

/** What does not say whose it is hinders nobody from looking at it. @throws RecoveryError those of the store */
export async function whoseBackups(config: Config, repository: Repository, instance: string): Promise<Whose> {
  const target = targetOf(config, instance, 'command');
  try {
    const foreignOwner = target && (await repository.ownership(instance).foreignTo(target));
    return foreignOwner ? { foreignOwner, lines: ownerLine({ foreignOwner }) } : { lines: [] };
  } catch (error) {
    if (!(error instanceof RecoveryError) || error.code !== 'MANIFEST_INVALID') throw error;
    return { lines: [`DATA OF WHOM? ${error.message}`] };
  }
}
