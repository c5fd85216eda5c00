import { targetOf } from '../../config/target.ts';
import { foreignRepository, foreignTo } from '../../model/backup/owner.ts';
import type { ShardRef } from '../../model/shard.ts';
import { type CheckContext, type Finding, failed, findings, ok, warning } from './finding.ts';

/** Backups can be written, read back, listed and deleted; and whether anybody who gets at them can read them. */
export const checkRepository = ({ repository, config }: CheckContext): Promise<Finding[]> =>
  findings('repository', async () => {
    const opened = await repository();
    await opened.probeWritable();
    const sensitive = Object.values(config.instances).flatMap(({ name, dataClasses }) =>
      dataClasses.filter((one) => one.sensitive).map((one) => `${one.name} of ${name}`),
    );
    const found = [ok('repository', `${opened.url} can be written, read, listed and deleted`)];
    if (sensitive.length === 0) return found;
    return [
      ...found,
      warning(
        'encryption',
        `live credentials (${sensitive.join(', ')}) are stored without encryption by us: who can read ${opened.url} can use them`,
        'Encryption by redis-backup is not available in this version: let the store encrypt (SSE-KMS, an encrypted disk), allow few people to read it, and keep backups for a short time.',
      ),
    ];
  });

/** The backups under the name of an instance are its own. */
export const checkOwner = ({ repository, config }: CheckContext, name: string): Promise<Finding[]> =>
  findings('owner', async () => {
    const target = targetOf(config, name, 'command');
    const owner = await (await repository()).ownership(name).read();
    if (!target || !owner) return [];
    if (foreignTo(owner, target).length === 0)
      return [ok('owner', `the backups of ${name} are its own, since ${owner.since.slice(0, 10)}`)];
    const { message, next } = foreignRepository(owner, target, 'nothing is stored, and nothing deleted');
    return [failed('owner', message, next)];
  });

/** What lies under the name of a shard can be restored, as far as a listing tells. */
export const checkBackups = ({ repository }: CheckContext, of: ShardRef): Promise<Finding[]> =>
  findings('backups', async () => {
    const opened = await repository();
    const listed = [await opened.snapshots(of).listWithProblems(), await opened.aof(of).listWithProblems()];
    return listed.flatMap(({ problems }) =>
      problems.map(({ backupId, error }) =>
        warning('backups', `${backupId} is there and cannot be restored: ${error.message}`, error.next),
      ),
    );
  });
