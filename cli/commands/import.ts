import { resolve } from 'node:path';
import { targetOf } from '../../config/target.ts';
import { aofBytes } from '../../model/backup/aof-backup.ts';
import { ownerOf } from '../../model/backup/owner.ts';
import type { Target } from '../../model/deployment.ts';
import { RecoveryError } from '../../model/errors.ts';
import { formatBytes, formatCountOf, formatTime } from '../../model/format.ts';
import type { Ownership } from '../../repository/owner.ts';
import { type CommandSpec, oneShard } from '../command.ts';
import { withNamesHere } from '../connection.ts';
import type { Imported } from '../import/run.ts';
import { softwareVersion } from '../software-version.ts';
import { ONE_INSTANCE } from './instance-argument.ts';

/** `import PATH [INSTANCE]`: makes a backup of data that a person has in hand. */
export const importCommand: CommandSpec = {
  name: 'import',
  about: 'checks an append-only directory, an appendonly.aof or a dump.rdb, and stores it as a backup that can be restored',
  arguments: [
    {
      name: 'PATH',
      about: 'a multi-part append-only directory or the one it lies in, an append-only file, or an RDB',
      required: true,
    },
    ONE_INSTANCE,
  ],
  options: [{ flags: '--up-to-damage', about: 'of a damaged log, take what stands in front of the damage' }],
  exits: '25 for a log with a command that is no known write command, or a damaged one; nothing is stored then',
  async run({ config, repository, output, now, interrupt }, given) {
    const loaded = await config();
    const [path = '', asked] = given.arguments;
    const settings = oneShard(loaded, asked, `import ${path}`);
    const { instance, name } = settings;
    const ownership = (await repository()).ownership(instance);
    const target = targetOf(loaded, instance, 'command');
    if (target) await ownership.requireOwn(target, 'nothing is stored');
    const { importData } = await import('../import/run.ts');
    try {
      const imported = await importData(resolve(path), {
        ...{
          repository: await repository(),
          instance: await withNamesHere(loaded, settings),
          softwareVersion: softwareVersion(),
          now,
          signal: interrupt,
        },
        onRead: async () => claimForImport(ownership, target, now()),
        upToDamage: given.options.upToDamage === true,
        onProgress: (stage, doneBytes) => output.status({ workflowId: `import/${name}`, stage, doneBytes }),
      });
      const { kind, manifest, cutBytes } = imported;
      const { backupId, times } = manifest;
      output.result(
        { outcome: 'imported', kind, instance: name, backupId, takenAt: times.takenAt, cutBytes },
        importedText(imported),
      );
    } catch (error) {
      throw interrupt.aborted ? interrupted(path) : error;
    }
    return undefined;
  },
};

/** The first to store claims the backups. @throws RecoveryError `REPOSITORY_FOREIGN` where another one was faster */
async function claimForImport(ownership: Ownership, target: Target | undefined, nowMs: number): Promise<void> {
  if (!target) return;
  await ownership.claim(ownerOf(target, new Date(nowMs).toISOString()));
  await ownership.requireOwn(target, 'nothing is stored');
}

export function importedText(imported: Imported): string {
  const { instance, backupId, times } = imported.manifest;
  const at = formatTime(Date.parse(times.takenAt), 'seconds');
  if (imported.kind === 'snapshot') {
    const { rdb } = imported.manifest;
    return [
      `imported as backup ${backupId} of ${instance}: ${formatCountOf(rdb.keys, 'key')}, ${formatBytes(rdb.bytes)}, data of ${at}`,
      `Look at what a restore would do: redis-backup restore ${instance} ${backupId} --plan`,
    ].join('\n');
  }
  const { files, base } = imported.manifest;
  const { cutBytes } = imported;
  return [
    `imported as AOF backup ${backupId} of ${instance}: ${formatCountOf(files.length, 'file')}, ${formatBytes(aofBytes(imported.manifest))}, ${base ? `${formatCountOf(base.rdb.keys, 'key')} in its base` : 'commands alone'}, data of ${at}`,
    ...(cutBytes > 0 ? [`warning: ${formatBytes(cutBytes)} behind the last whole command were left out`] : []),
    `Look at what a restore would do: redis-backup restore ${instance} --aof-backup ${backupId} --plan`,
  ].join('\n');
}

const interrupted = (path: string): RecoveryError =>
  new RecoveryError('CANCELLED', `the import of ${path} was interrupted; what was stored of it is no backup`, {
    next: 'Run the command again.',
  });
