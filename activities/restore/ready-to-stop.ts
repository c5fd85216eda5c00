import { RecoveryError } from '../../model/errors.ts';
import type { KeysOfDatabase } from '../../model/restore/keys-before.ts';
import { startRefusals } from '../../model/restore/plan/next-start.ts';
import type { RestorePlan } from '../../model/restore/plan/plan.ts';
import type { Control } from '../../platforms/platform.ts';
import { openRedis } from '../../redis/client/client.ts';
import { productOf } from '../../redis/server-facts.ts';
import type { Dependencies } from '../dependencies.ts';
import { currentJob } from '../job-context.ts';
import { requireControl } from '../parts.ts';
import { lookAtNextStart } from './next-start.ts';
import { identifyTarget } from './target-identity.ts';

export const createReadyToStopActivities = (deps: Dependencies) => ({
  /**
   * Asked right before Redis is stopped, where a download or a snapshot has taken its time since the plan: that its next start is the
   * one that was planned with. Read-only.
   * @returns what it holds, which is what it must hold if it is put back; nothing of one that was down when it was planned
   * @throws RecoveryError `CONFIG_UNSTARTABLE`, `RESTORE_REFUSED`, `TARGET_IDENTITY`: it was not stopped
   */
  async readyToStop({ plan }: { plan: RestorePlan }): Promise<{ keys?: KeysOfDatabase[] }> {
    const { name, serverRunId } = plan;
    const target = await deps.shard(plan);
    const control = requireControl(target);
    const platform = control.open();
    await refuseOtherLayout(plan, platform);
    using client = serverRunId === undefined ? undefined : await openRedis(target.connection);
    const next = await lookAtNextStart(platform, target.connection, client, currentJob().signal);
    const info = await client?.info('server', 'keyspace');
    const [refusal] = startRefusals(name, next, info && productOf(info));
    if (refusal) throw notStopped(refusal.code, refusal.message, refusal.next);
    if (!client || !info) return {};
    const { same, ...found } = await identifyTarget(control, info, client);
    if (same === 'no' || !(await platform.status()).running) {
      const why = 'why' in found ? found.why : 'its process is not found any more by its redis.conf';
      throw notStopped('TARGET_IDENTITY', `${name} answers, and is not what ${platform.description} is: ${why}`, PLAN_ANEW);
    }
    return { keys: info.keyspace() };
  },
});

const PLAN_ANEW = 'See who has changed its configuration, then plan the restore again.';

const NAMES = ['dir', 'appendonly', 'dbfilename', 'appenddirname', 'appendfilename'] as const;

/** Where the plan meant to put the data, a start would not look any more. */
async function refuseOtherLayout({ name: of, layout }: RestorePlan, platform: Control): Promise<void> {
  const now = await platform.dataLayout();
  const changed = NAMES.filter((name) => now[name] !== layout[name]);
  if (changed.length === 0) return;
  const what = changed.map((name) => `${name} (${layout[name]} then, ${now[name]} now)`).join(', ');
  throw notStopped('RESTORE_REFUSED', `the configuration of ${of} has changed since the plan: ${what}`, PLAN_ANEW);
}

const notStopped = (code: ConstructorParameters<typeof RecoveryError>[0], message: string, next: string) =>
  new RecoveryError(code, `${message}; it was not stopped`, { next });
