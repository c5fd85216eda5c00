import type { ErrorCode } from './errors.ts';
import type { PlanInput, Refusal } from './plan-types.ts';

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

/** One reason is enough, and the most telling first: pid, port, directory. */
function otherServer({ target }: PlanInput): string | undefined {
  if (!target.reachable) return undefined;
  const { platformPid, serverPid, expectedPort, foundPort, foundDir } = target.identity;
  if (!target.processRunning) return 'a Redis answers, but no such process runs on this host';
  if (platformPid !== undefined && serverPid !== undefined && platformPid !== serverPid) {
    return `it says that it is process ${serverPid}, and the managed process is ${platformPid}`;
  }
  if (foundPort !== undefined && foundPort !== expectedPort)
    return `it says port ${foundPort}, and ${expectedPort} is configured (platform.port, where something stands before it)`;
  if (foundDir !== undefined && plain(foundDir) !== plain(target.layout.dir)) {
    return `it keeps its data in ${foundDir}, and the configuration file says ${target.layout.dir}`;
  }
  return undefined;
}

const plain = (directory: string): string => directory.replace(/\/+$/, '') || '/';
