import { messageOf, RecoveryError } from '../../model/errors.ts';
import { formatBytes, formatCount, formatTime } from '../../model/format.ts';
import type { LeftBehind } from '../../model/recovery/left-behind.ts';
import { type CommandSpec, oneShard, optionOf } from '../command.ts';
import { table } from '../output/table.ts';
import { ONE_INSTANCE } from './instance-argument.ts';

/** `leftovers [INSTANCE]`: what operations keep beside the data of a Redis, on the machine that it runs on. */
export const leftoversCommand: CommandSpec = {
  name: 'leftovers',
  about: 'lists what restores and recoveries have left beside the data of a Redis of this machine, and removes it',
  arguments: [ONE_INSTANCE],
  options: [{ flags: '--remove <operation>', about: 'delete what an operation that is over has left, for good' }],
  exits: '40 for an operation that was cut off: what it keeps may be the only copy of the data',
  async run({ config, output }, given) {
    const loaded = await config();
    const here = oneShard(loaded, given.arguments[0], 'leftovers');
    const instance = here.name;
    const [{ partsHere }, { filesAtHand }, { keptBeside }, { removeLeftBehind }] = await Promise.all([
      import('../../worker/parts.ts'),
      import('../../activities/parts.ts'),
      import('../../activities/recovery/left-behind.ts'),
      import('../../platforms/data-directory.ts'),
    ]);
    const parts = partsHere(loaded, here);
    const { layout } = await filesAtHand({ name: instance, ...parts }, loaded.worker.host);
    const doomed = optionOf(given, 'remove');
    if (doomed !== undefined) {
      const removed = await removeLeftBehind(layout, doomed);
      output.result({ outcome: 'removed', instance, ...removed }, `removed ${doomed}: ${formatBytes(removed.bytes)} are free`);
      return undefined;
    }
    const found = await keptBeside(layout).catch((error) => {
      throw unreadable(layout.dir, error);
    });
    output.result({ outcome: 'leftovers', instance, directory: layout.dir, leftovers: found }, leftoversText(instance, found));
    return undefined;
  },
};

const MEANING: Readonly<Record<LeftBehind['phase'], string>> = {
  downloading: 'downloaded, and not used',
  aside: 'cut off: the old data is here',
  replacing: 'cut off: the old data is here',
  replaced: 'cut off: the old data is here',
  done: 'the data from before a restore',
  'set-aside': 'what a recovery has set aside',
  'putting-back': 'cut off while it put back',
  'put-back': 'put back; what had been written meanwhile',
  damaged: 'its journal cannot be read: look into it',
};

function meaningOf({ phase, inUse, owner }: LeftBehind): string {
  if (owner !== undefined) return `under way, by ${owner}`;
  return inUse ? 'never proved, and in use since; the old data is here' : MEANING[phase];
}

export function leftoversText(instance: string, found: readonly LeftBehind[]): string {
  if (found.length === 0) return `nothing is kept beside the data of ${instance}`;
  const rows = found.map((one) => [
    one.operationId,
    formatTime(Date.parse(one.at), 'seconds'),
    formatBytes(one.bytes),
    one.asideKeys === undefined ? '' : `${formatCount(one.asideKeys)} keys`,
    meaningOf(one),
  ]);
  const cut = found.filter(({ unfinished, owner }) => unfinished && owner === undefined);
  return [
    table([['operation', 'at', 'size', '', 'what it is'], ...rows], [2]),
    ...(cut.length > 0 ? [`Put back what was cut off: redis-backup recover ${instance}`] : []),
    `Delete what is over: redis-backup leftovers ${instance} --remove OPERATION`,
  ].join('\n');
}

const unreadable = (dir: string, error: unknown): unknown =>
  (error as NodeJS.ErrnoException).code === 'EACCES'
    ? new RecoveryError('TARGET_DENIED', `what is kept in ${dir} cannot be read: ${messageOf(error)}`, {
        next: 'Run this as the user of the worker, or as root.',
        cause: error,
      })
    : error;
