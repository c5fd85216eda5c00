import type { ActivityOptions } from '@temporalio/workflow';
import type { Beside, OpenedPlacement, Placement } from '../../model/placement.ts';
import { failure } from '../failures.ts';
import { callStep, nobodyCame } from './call-step.ts';
import { PRESETS } from './presets.ts';

/** How long a machine may have no worker before the operation gives up and puts everything back. */
const PATIENCE_MS = 30 * 60_000;
/** So often another one is made, where they are made for an operation. */
const MOST_OPENED = 3;

type Opened = OpenedPlacement & { readOnly: boolean };

/** What this workflow knows to be open. Each workflow has a sandbox, and so a map, of its own. */
const known = new Map<string, Opened>();
const keyOf = ({ instance, shard, part }: Placement): string => `${part} ${instance}/${shard}`;

/** A look is not waited for: what nobody can reach by then is not seen. */
export const HEALTH_CHECK_OPTIONS: ActivityOptions = {
  ...PRESETS.healthCheck,
  startToCloseTimeout: '20 seconds',
  scheduleToCloseTimeout: '30 seconds',
};

export interface OpenOptions {
  /** Nothing is changed there. */
  readOnly: boolean;
  /** How it is asked for; a lock that undoes has less patience. */
  options?: ActivityOptions;
}

/** Where it is now; makes it be reached where it is not. */
export async function openPlacement(at: Placement, { readOnly, options = PRESETS.patient }: OpenOptions): Promise<Opened> {
  const open = known.get(keyOf(at));
  if (open && !(open.isOwn && open.readOnly && !readOnly)) return open;
  const summary = at.part === 'control' ? `find who runs ${at.instance}` : `reach the files of ${at.instance}`;
  const opened = { ...(await callStep('openPlacement', { at, readOnly }, { ...options, summary })), readOnly };
  known.set(keyOf(at), opened);
  return opened;
}

/** Before a Redis is started: nobody may be in its files any more. What was never opened for an operation needs no closing. */
export async function closePlacement(at: Placement<'files'>, options: ActivityOptions = PRESETS.undo): Promise<void> {
  if (known.get(keyOf(at))?.isOwn === false) return;
  await callStep('closePlacement', { at }, { ...options, summary: `leave the files of ${at.instance}` });
  known.delete(keyOf(at));
}

/** Whether its closing must be on the undo list before it is opened for changes. */
export const needsClosing = (at: Placement<'files'>): boolean => known.get(keyOf(at))?.isOwn !== false;

/** At the end of an operation: what it has opened only to look, without a lock that would close it. */
export async function closeLookedAt(instance: string): Promise<void> {
  for (const [key, { isOwn, readOnly }] of known) {
    const [part, of = ''] = key.split(' ');
    if (part !== 'files' || !isOwn || !readOnly || !of.startsWith(`${instance}/`)) continue;
    await closePlacement({ part, instance, shard: of.slice(instance.length + 1) }).catch(() => undefined); // it has a deadline of its own
  }
}

/**
 * Runs a step where its placement is. Nobody polls it while its machine or its worker restarts: it is asked again, for as long as
 * PATIENCE_MS. One that was made for this operation is closed, opened anew and asked again, three times.
 */
export async function atPlacement<T>(
  at: Placement | Beside,
  options: OpenOptions & { isPatient: boolean },
  run: (queue: string) => Promise<T>,
): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS;
  for (let tries = 1; ; tries++) {
    const { queue, isOwn } = at.part === 'beside' ? { queue: at.queue, isOwn: false } : await openPlacement(at, options);
    try {
      return await run(queue);
    } catch (error) {
      if (!nobodyCame(error)) throw error;
      if (isOwn && at.part === 'files') await closePlacement(at, options.options); // however this goes on: nobody is there
      if (!options.isPatient) throw error;
      if (isOwn ? tries >= MOST_OPENED : Date.now() >= deadline) throw unreachable(queue);
    }
  }
}

function unreachable(queue: string) {
  const host = /(?:^|\W)host\/(.*)$/.exec(queue)?.[1];
  const next = host
    ? `Start \`redis-backup worker\` on ${host}, with worker.host: ${host} in its configuration.`
    : `Look why no worker of it came up, then start the operation again.`;
  return failure('PLACE_UNREACHABLE', `no worker polls the queue ${queue}`, next);
}
