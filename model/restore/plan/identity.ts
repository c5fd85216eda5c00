import type { ErrorCode } from '../../errors.ts';
import type { PlanInput, Refusal } from './types.ts';

export const refuse = (code: ErrorCode, message: string, next: string): Refusal => ({ code, message, next });

/** Is the backup one of this instance, and is the Redis that would be stopped the Redis that was named? */
export function identityRefusals(input: PlanInput): Refusal[] {
  const { instance, shard, manifest, target } = input;
  const found: Refusal[] = [];
  if (manifest.instance !== instance || manifest.shard !== shard) {
    found.push(
      refuse(
        'TARGET_IDENTITY',
        `backup ${manifest.backupId} is one of ${manifest.instance}/${manifest.shard}, and the restore names ${instance}/${shard}`,
        `Choose a backup of ${instance}; \`redis-backup list ${instance}\` shows them.`,
      ),
    );
  }
  const other = otherServer(input);
  if (other) {
    found.push(
      refuse(
        'TARGET_IDENTITY',
        `the Redis that answers for ${instance} is not the one that ${target.description} manages: ${other}`,
        `Correct the connection or the process of ${instance} in redis-backup.yaml; \`redis-backup check ${instance}\` shows both.`,
      ),
    );
  }
  return found;
}

/** Only the platform knows what the server that it runs says of itself: in a container it is process 1, and its paths are others. */
function otherServer({ target }: PlanInput): string | undefined {
  if (!target.reachable) return undefined;
  if (!target.processRunning) return 'a Redis answers, but no such process runs on this host';
  const { ofPlatform } = target.identity;
  return ofPlatform?.same === 'no' ? ofPlatform.why : undefined;
}

/** What runs a Redis may not be able to tell: that is no proof, and no reason to leave it. */
export function unprovedIdentity({ instance, target }: PlanInput): string[] {
  const { ofPlatform } = target.identity;
  if (!target.reachable || ofPlatform?.same !== 'unknown') return [];
  return [
    `it could not be proved that the Redis which answers for ${instance} is the one that ${target.description} runs: ${ofPlatform.why}`,
  ];
}
