import { Client, Connection } from '@temporalio/client';
import type { Config } from '../config/config.ts';
import { resolveTemporal } from '../config/resolve.ts';
import { targetOf } from '../config/target.ts';
import { named, type Target } from '../model/deployment.ts';
import { unreachable, withoutNamespace } from '../worker/temporal-errors.ts';
import { CONNECT_TIMEOUT_MS, connectionOptions, DEFAULT_ADDRESS, DEFAULT_NAMESPACE } from '../worker/temporal-options.ts';

/** A connection to Temporal that has been seen to answer. */
export interface TemporalSession {
  client: Client;
  connection: Connection;
  address: string;
  namespace: string;
  /** Of this configuration. Absent: it has no name. */
  deployment?: string;
  /** Whom this configuration means by an instance. */
  targetOf(instance: string): Target | undefined;
  /** The full name of a queue, a workflow or a schedule in this deployment. */
  named(name: string): string;
  /** A line for a person to run with the `temporal` CLI: names address and namespace where its defaults would not do. */
  commandLine(command: string): string;
  close(): Promise<void>;
}

/**
 * Connects as the configuration says, and where it says nothing, as the `temporal` CLI would (TEMPORAL_ADDRESS, profiles).
 * @throws RecoveryError `TEMPORAL_UNREACHABLE` within seconds; `CONFIG_INVALID` for a profile or key that is not there
 */
export async function openTemporal(config: Config): Promise<TemporalSession> {
  const { options, namespace } = connectionOptions(await resolveTemporal(config));
  const address = options.address ?? DEFAULT_ADDRESS;
  const connection = await Connection.connect(options).catch((error: unknown) => {
    throw unreachable(address, error);
  });
  try {
    await connection.withDeadline(Date.now() + CONNECT_TIMEOUT_MS, () =>
      connection.workflowService.describeNamespace({ namespace }),
    );
  } catch (error) {
    await connection.close();
    throw withoutNamespace(error, address, namespace);
  }
  const flags = [
    address === DEFAULT_ADDRESS ? '' : ` --address ${address}`,
    namespace === DEFAULT_NAMESPACE ? '' : ` --namespace ${namespace}`,
  ].join('');
  return {
    client: new Client({ connection, namespace }),
    connection,
    address,
    namespace,
    ...(config.deployment === undefined ? {} : { deployment: config.deployment }),
    targetOf: (instance) => targetOf(config, instance, 'command'),
    named: (name) => named(config.deployment, name),
    commandLine: (command) => `temporal ${command}${flags}`,
    close: () => connection.close(),
  };
}
