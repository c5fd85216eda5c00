import { controlOf, filesOf } from '../../model/placement.ts';
import type { Foreseen } from '../../model/restore/foreseen.ts';
import type { ShardRef } from '../../model/shard.ts';
import type { RunStep } from '../steps/step-table.ts';

/** What would be refused of a Redis as things stand, each asked of whoever would refuse it. Changes nothing. */
export async function foresee(run: RunStep, of: ShardRef, { isManaged }: { isManaged: boolean }): Promise<Foreseen[]> {
  const { instance } = of;
  const beside = await run('openBeside', { instance }, { summary: `find a worker beside ${instance}` });
  const stopped = isManaged ? [await foreseeReplacement(run, of)] : [];
  const summary = `what would be refused that leaves ${instance} running`;
  return [...stopped, ...(await run('foreseeBeside', { instance }, { at: beside, summary }))];
}

async function foreseeReplacement(run: RunStep, of: ShardRef): Promise<Foreseen> {
  const { instance } = of;
  const summary = `what a plan would be told of ${instance}`;
  const server = await run('foreseeServer', { instance }, { at: controlOf(of), summary });
  if (!('facts' in server)) return { operation: 'restores', ...server };
  const { layout } = server.facts;
  const disk = await run('foreseeFiles', { instance, layout }, { at: filesOf(of), summary: `${summary}'s data directory` });
  if (!('facts' in disk)) return { operation: 'restores', ...disk };
  const target = { ...server.facts, disk: disk.facts };
  return run('foreseeRestore', { instance, target }, { summary: `what a restore of ${instance} would be refused for` });
}
