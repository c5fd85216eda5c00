import { controlOf, filesOf } from '../../model/placement.ts';
import type { Foreseen } from '../../model/restore/foreseen.ts';
import type { NamedShard } from '../../model/shard.ts';
import type { RunStep } from '../steps/step-table.ts';

/** What would be refused of a Redis as things stand, each asked of whoever would refuse it. Changes nothing of it; a probe key is written and deleted where a load would be live. */
export async function foresee(run: RunStep, of: NamedShard, { isManaged }: { isManaged: boolean }): Promise<Foreseen[]> {
  const { name } = of;
  const beside = await run('openBeside', of, { summary: `find a worker beside ${name}` });
  const stopped = isManaged ? [await foreseeReplacement(run, of)] : [];
  const summary = `what would be refused that leaves ${name} running`;
  return [...stopped, ...(await run('foreseeBeside', of, { at: beside, summary }))];
}

async function foreseeReplacement(run: RunStep, of: NamedShard): Promise<Foreseen> {
  const { name } = of;
  const summary = `what a plan would be told of ${name}`;
  const server = await run('foreseeServer', of, { at: controlOf(of), summary });
  if (!('facts' in server)) return { operation: 'restores', ...server };
  const { layout } = server.facts;
  const disk = await run('foreseeFiles', { ...of, layout }, { at: filesOf(of), summary: `${summary}'s data directory` });
  if (!('facts' in disk)) return { operation: 'restores', ...disk };
  const target = { ...server.facts, disk: disk.facts };
  return run('foreseeRestore', { ...of, target }, { summary: `what a restore of ${name} would be refused for` });
}
