import { RecoveryError } from '../../model/errors.ts';
import type { WatchSettings } from '../../model/recovery/settings.ts';
import type { WatchView } from '../../model/watch/watch.ts';
import type { ServingReport } from '../../redis/health/serving.ts';
import type { Dependencies, ProtectedInstance } from '../dependencies.ts';
import { mayBeStopped } from './others.ts';
import { lookAtApplications, witnessOf } from './witnesses.ts';

/** Everything that a decision is made from, but for what only the machine of the Redis can see. */
export async function viewOf(
  deps: Dependencies,
  target: ProtectedInstance,
  look: ServingReport,
  allFailing: number | undefined,
): Promise<WatchView> {
  const { instance, control } = target;
  const [application, locked, recoveries] = await Promise.all([
    lookAtApplications(target),
    mayBeStopped(deps, instance),
    deps.operations.recoveries(target),
  ]);
  return {
    at: new Date(deps.now()).toISOString(),
    worker: witnessOf(look),
    application,
    hasControl: control !== undefined,
    ...(locked ? { locked } : {}),
    ...(allFailing === undefined ? {} : { allFailing }),
    recoveries,
    settings: requireWatch(target),
  };
}

/** @throws RecoveryError `CONFIG_INVALID` */
export function requireWatch(target: ProtectedInstance): WatchSettings {
  if (target.watch) return target.watch;
  throw new RecoveryError('CONFIG_INVALID', `${target.name} is not configured to be watched`, {
    next: `Add \`watch: {}\` to instances.${target.instance}, then restart the worker.`,
  });
}
