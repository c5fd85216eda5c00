import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RdbFacts } from '../../../model/backup/manifest.ts';
import { RecoveryError } from '../../../model/errors.ts';
import type { RestorePlan } from '../../../model/restore/plan/plan.ts';
import { readProcess, stillRuns } from '../../../platforms/host/process-table.ts';
import { removeThrowaways } from '../../../platforms/throwaway/leftovers.ts';
import type { Dependencies } from '../../dependencies.ts';
import { currentJob } from '../../job-context.ts';

const PREFIX = 'redis-backup-rehearsal-';
const RESULT = 'result.rdb';
const OWNER = 'owner.json';
const OPERATION_ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/;
/** Longer than an operation waits for its lock: by then whoever made it has removed it, or will never. */
const LEFT_OVER_MS = 24 * 3600 * 1000;

const spoolOf = ({ spool }: Dependencies): string => spool?.directory ?? tmpdir();

/** Where the rehearsal of one operation is, and what came out of it. All of it goes together. */
export function rehearsalHome(deps: Dependencies, operationId: string): string {
  if (!OPERATION_ID.test(operationId)) throw new Error(`${JSON.stringify(operationId)} is no operation id`);
  return join(spoolOf(deps), `${PREFIX}${operationId}`);
}

/** What came out, for the restore that follows under the same operation id. */
export const rehearsedRdb = (deps: Dependencies, operationId: string): string => join(rehearsalHome(deps, operationId), RESULT);

/**
 * The bytes that were counted, and no others. Of no use before their end.
 * @throws RecoveryError `PLAN_CHANGED` when they are no longer there, or other ones
 */
export async function* openRehearsed(deps: Dependencies, { name }: RestorePlan, sha256: string): AsyncGenerator<Buffer> {
  const { operationId, signal } = currentJob();
  const digest = createHash('sha256');
  try {
    for await (const piece of createReadStream(rehearsedRdb(deps, operationId), { highWaterMark: 1 << 20, signal })) {
      digest.update(piece);
      yield piece;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw changed(name, 'is no longer on this machine', error);
  }
  if (digest.digest('hex') !== sha256) throw changed(name, 'is not what was counted: its checksum differs');
}

/** The same once it has been brought elsewhere. @throws RecoveryError `PLAN_CHANGED` */
export function refuseOtherThanRehearsed(instance: string, counted: RdbFacts, found: RdbFacts): void {
  if (JSON.stringify(found) !== JSON.stringify(counted)) throw changed(instance, 'is not what was counted: it holds other keys');
}

const changed = (instance: string, what: string, cause?: unknown): RecoveryError =>
  new RecoveryError('PLAN_CHANGED', `what came out of the rehearsal for ${instance} ${what}`, {
    next: 'Start the restore again: it is rehearsed anew. Nothing was changed.',
    cause,
  });

/** Says whose process works there. */
export async function ownRehearsal(home: string): Promise<void> {
  const owner = await readProcess(process.pid);
  await writeFile(join(home, OWNER), JSON.stringify({ pid: process.pid, started: owner?.started ?? '' }), { mode: 0o600 });
}

/**
 * Ends and removes what was left by a process that is gone in the middle of it, and what operations have kept that were ended
 * for good, such as a workflow that was terminated.
 */
export async function sweepRehearsals(deps: Dependencies): Promise<void> {
  const directory = spoolOf(deps);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  for (const name of await readdir(directory)) {
    const home = join(directory, name);
    if (name.startsWith(PREFIX) && (await isLeftOver(home))) await removeThrowaways(home);
  }
}

async function isLeftOver(home: string): Promise<boolean> {
  const mtimeMs = await stat(home).then(
    (stats) => stats.mtimeMs,
    () => Number.POSITIVE_INFINITY, // gone since
  );
  if (Date.now() - mtimeMs > LEFT_OVER_MS) return true;
  const names = await readdir(home).catch((): string[] => []);
  if (names.includes(RESULT)) return false; // whoever made it may have ended: the restore goes on elsewhere
  const text = await readFile(join(home, OWNER), 'utf8').catch(() => undefined);
  return text !== undefined && !(await stillRuns(JSON.parse(text) as { pid: number; started: string }));
}
