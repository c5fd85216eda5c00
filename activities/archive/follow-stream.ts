import type { FollowResult, Rpo } from '../../model/archive/archiving.ts';
import type { LineEnd } from '../../model/archive/restart-proof.ts';
import { RecoveryError } from '../../model/errors.ts';
import type { ShardRef } from '../../model/shard.ts';
import type { ArchiveSettings, Dependencies, ProtectedInstance } from '../dependencies.ts';
import { currentJob } from '../job-context.ts';
import { attach } from './attach.ts';
import { readSourceOffset } from './lateness.ts';
import { filesAtItsEnd } from './restart.ts';
import { LOOK_EVERY_MS, LogHole } from './stored-log.ts';
import { StreamingSession } from './streaming-session.ts';

/** @param lookEveryMs - how often what was stored is looked for in the store */
export function createFollowActivities(deps: Dependencies, { lookEveryMs = LOOK_EVERY_MS } = {}) {
  /** How the last stay at an instance ended. Known to this process alone: who does not know it takes a restart for a gap. */
  const lines = new Map<string, LineEnd | undefined>();
  return {
    /**
     * Follows the stream of one Redis into immutable segments until an hour is over, the worker drains, or it is cancelled.
     * Acknowledges only what is stored. A retry goes on at the last stored byte, never at a heartbeat: whatever was not
     * stored, Redis still has. Where the store has lost a part of what it had taken, a new base is taken at once. Two that run
     * at once never both write: each offset is created once.
     * @throws RecoveryError `ARCHIVER_REPLACED`; those of Redis and of the store
     */
    async followStream(of: ShardRef): Promise<FollowResult> {
      const target = await deps.shard(of);
      const settings = requireArchive(target);
      const archive = await deps.archive(of);
      for (let hole: string | undefined; ; ) {
        const options = { hole, line: lines.get(target.name) };
        const attached = await attach(deps, target, archive, options).catch((error) => unlessDraining(deps, error));
        if (attached === undefined) return { ended: 'draining' };
        const sourceOffset = () => readSourceOffset(target.connection);
        const tellRpo = (rpo: Rpo) => deps.archiver.tellRpo(target, rpo);
        const stay = new StreamingSession(deps, settings, archive, attached, {
          ...{ hole, lookEveryMs, sourceOffset, tellRpo },
          filesAtItsEnd: () => filesAtItsEnd(target),
        });
        try {
          return await stay.run();
        } catch (error) {
          if (!(error instanceof LogHole)) throw error;
          hole = error.message;
        } finally {
          attached.follower.close();
          lines.set(target.name, await stay.lineEnd());
        }
      }
    },
  };
}

/** A worker that is stopped in order has no failure: nothing was begun, and another one goes on. */
function unlessDraining({ draining }: Dependencies, error: unknown): undefined {
  if (!draining.aborted || currentJob().signal.aborted) throw error;
}

function requireArchive(target: ProtectedInstance): ArchiveSettings {
  if (target.archive) return target.archive;
  throw new RecoveryError('CONFIG_INVALID', `no continuous log is configured for ${target.name}`, {
    next: `Add \`archive: {}\` to instances.${target.instance}, then restart the worker.`,
  });
}
