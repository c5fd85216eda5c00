import type { ErrorCode } from '../../errors.ts';
import type { PlanInput, Refusal } from './types.ts';

export const refuse = (code: ErrorCode, message: string, next: string): Refusal => ({ code, message, next });

/** Is the backup one of this instance? */
export function notItsBackup({ instance, shard, name, manifest }: PlanInput): Refusal | undefined {
  if (manifest.instance === instance && manifest.shard === shard) return undefined;
  return refuse(
    'TARGET_IDENTITY',
    `backup ${manifest.backupId} is one of ${manifest.instance}/${manifest.shard}, and the restore names ${instance}/${shard}`,
    `Choose a backup of ${name}; \`redis-backup list ${name}\` shows them.`,
  );
}

/** Is the Redis that would be stopped the Redis that was named? */
export function otherServerRefusal(of: Pick<PlanInput, 'name' | 'target'>): Refusal | undefined {
  const { name, target } = of;
  const other = otherServer(of);
  if (!other) return undefined;
  return refuse(
    'TARGET_IDENTITY',
    `the Redis that answers for ${name} is not the one that ${target.description} manages: ${other}`,
    `Correct the connection or the process of ${name} in redis-backup.yaml; \`redis-backup check ${name}\` shows both.`,
  );
}

/** Only the platform knows what the server that it runs says of itself: in a container it is process 1, and its paths are others. */
function otherServer({ target }: Pick<PlanInput, 'target'>): string | undefined {
  if (!target.reachable) return undefined;
  if (!target.processRunning) return 'a Redis answers, but no such process runs on this host';
  const { ofPlatform } = target.identity;
  return ofPlatform?.same === 'no' ? ofPlatform.why : undefined;
}

/** What runs a Redis may not be able to tell: that is no proof, and no reason to leave it. */
export function unprovedIdentity({ name, target }: PlanInput): string[] {
  const { ofPlatform } = target.identity;
  if (!target.reachable || ofPlatform?.same !== 'unknown') return [];
  return [
    `it could not be proved that the Redis which answers for ${name} is the one that ${target.description} runs: ${ofPlatform.why}`,
  ];
}
