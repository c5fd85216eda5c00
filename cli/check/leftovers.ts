import { keptBeside } from '../../activities/recovery/left-behind.ts';
import { messageOf } from '../../model/errors.ts';
import { formatBytes, formatCountOf } from '../../model/format.ts';
import { type LeftBehind, ownedOf, unfinishedOf, unfinishedText } from '../../model/recovery/left-behind.ts';
import type { DataLayout } from '../../platforms/platform.ts';
import { type Finding, failed, ok, warning } from './finding.ts';

const CHECK = 'leftovers';

/** What operations have left beside the data: of one that was cut off it may be the data itself. */
export async function checkLeftovers(layout: DataLayout): Promise<Finding[]> {
  try {
    return findingsOf(await keptBeside(layout));
  } catch (error) {
    return [
      warning(CHECK, `what is kept in ${layout.dir} is not known: ${messageOf(error)}`, 'Run this as the user of the worker.'),
    ];
  }
}

function findingsOf(found: readonly LeftBehind[]): Finding[] {
  const cut = unfinishedOf(found).map((one) =>
    failed(
      CHECK,
      unfinishedText(one, Date.now()),
      '`redis-backup recover` puts it back before it starts Redis; start nothing by hand.',
    ),
  );
  const owned = ownedOf(found);
  const running = owned ? [ok(CHECK, `operation ${owned.operationId} is under way, by ${owned.owner}`)] : [];
  const used = found
    .filter(({ inUse }) => inUse)
    .map(({ operationId, directory, asideBytes }) =>
      warning(
        CHECK,
        `operation ${operationId} was cut off before it had proved its data, which is in use since; the old data, ${formatBytes(asideBytes)}, is in ${directory}/aside`,
        `If what is there is right, \`redis-backup leftovers --remove ${operationId}\`.`,
      ),
    );
  const over = found.filter(({ unfinished, inUse, owner, bytes }) => !unfinished && !inUse && owner === undefined && bytes > 0);
  const bytes = over.reduce((sum, one) => sum + one.bytes, 0);
  const kept =
    over.length > 0
      ? [
          ok(
            CHECK,
            `${formatCountOf(over.length, 'operation')} that ended keep ${formatBytes(bytes)}: \`redis-backup leftovers\``,
          ),
        ]
      : [];
  return [...cut, ...running, ...used, ...kept];
}
