import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RecoveryError } from '../../model/errors.ts';
import type { RestorePlan } from '../../model/plan.ts';
import { removeScratches } from '../../platforms/process/scratch-places.ts';
import { currentJob } from '../job-context.ts';
import type { World } from '../world.ts';

const PREFIX = 'redis-backup-rehearsal-';
const OPERATION_ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/;
/** Longer than an operation waits for its lock: by then whoever made it has removed it, or will never. */
const LEFT_OVER_MS = 24 * 3600 * 1000;

const spoolOf = ({ spool }: World): string => spool?.directory ?? tmpdir();

/** Where the rehearsal of one operation is, and what came out of it. All of it goes together. */
export function rehearsalHome(world: World, operationId: string): string {
  if (!OPERATION_ID.test(operationId)) throw new Error(`${JSON.stringify(operationId)} is no operation id`);
  return join(spoolOf(world), `${PREFIX}${operationId}`);
}

/** What came out, for the restore that follows under the same operation id. */
export const rehearsedRdb = (world: World, operationId: string): string => join(rehearsalHome(world, operationId), 'result.rdb');

/**
 * The bytes that were counted, and no others. Of no use before their end.
 * @throws RecoveryError `PLAN_CHANGED` when they are no longer there, or other ones
 */
export async function* openRehearsed(world: World, { instance }: RestorePlan, sha256: string): AsyncGenerator<Buffer> {
  const { operationId, signal } = currentJob();
  const digest = createHash('sha256');
  try {
    for await (const piece of createReadStream(rehearsedRdb(world, operationId), { highWaterMark: 1 << 20, signal })) {
      digest.update(piece);
      yield piece;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw changed(instance, 'is no longer on this machine', error);
  }
  if (digest.digest('hex') !== sha256) throw changed(instance, 'is not what was counted: its checksum differs');
}

const changed = (instance: string, what: string, cause?: unknown): RecoveryError =>
  new RecoveryError('PLAN_CHANGED', `what came out of the rehearsal for ${instance} ${what}`, {
    next: 'Start the restore again: it is rehearsed anew. Nothing was changed.',
    cause,
  });

/** Ends and removes what operations have left that were ended for good, such as a workflow that was terminated. */
export async function sweepRehearsals(world: World): Promise<void> {
  const directory = spoolOf(world);
  for (const name of await readdir(directory)) {
    if (!name.startsWith(PREFIX)) continue;
    const home = join(directory, name);
    const changedMs = await stat(home).then(
      ({ mtimeMs }) => mtimeMs,
      () => Number.POSITIVE_INFINITY, // gone since
    );
    if (Date.now() - changedMs > LEFT_OVER_MS) await removeScratches(home);
  }
}
