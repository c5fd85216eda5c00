import { Client, Connection } from '@temporalio/client';
import type { Config } from '../config/config.ts';
import { resolveTemporal } from '../config/resolve.ts';
import { named } from '../model/deployment.ts';
import type { LockHolder } from '../model/lock.ts';
import { WORKFLOW_IDS } from '../model/workflow-ids.ts';
import { connectionOptions } from './temporal-options.ts';

/** Who holds the lock of an instance, by its workflow; `undefined`: nobody, or Temporal does not answer in time. */
export async function lockHolderWithin(config: Config, instance: string, withinMs: number): Promise<string | undefined> {
  const { options, namespace } = connectionOptions(await resolveTemporal(config));
  let connection: Connection | undefined;
  try {
    connection = await Connection.connect({ ...options, connectTimeout: withinMs });
    const client = new Client({ connection, namespace });
    const { status, memo } = await connection.withDeadline(Date.now() + withinMs, () =>
      client.workflow.getHandle(named(config.deployment, WORKFLOW_IDS.lock(instance))).describe(),
    );
    return status.name === 'RUNNING' ? ((memo?.holder as LockHolder | undefined)?.workflowId ?? 'an operation') : undefined;
  } catch {
    return undefined; // it is down, which is what this is for, or knows no such lock
  } finally {
    await connection?.close();
  }
}
