import { Client, Connection, isGrpcServiceError } from '@temporalio/client';
import type { Config } from '../config/config.ts';
import { resolveTemporal } from '../config/resolve.ts';
import { messageOf, RecoveryError } from '../model/errors.ts';
import { CONNECT_TIMEOUT_MS, connectionOptions, DEFAULT_ADDRESS, DEFAULT_NAMESPACE } from '../worker/temporal-options.ts';

const GRPC = { NOT_FOUND: 5, PERMISSION_DENIED: 7, UNAUTHENTICATED: 16 } as const;

/** A connection to Temporal that has been seen to answer. */
export interface TemporalSession {
  client: Client;
  connection: Connection;
  address: string;
  namespace: string;
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
    throw isGrpcServiceError(error) && error.code === GRPC.NOT_FOUND
      ? noNamespace(address, namespace)
      : unreachable(address, error);
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
    commandLine: (command) => `temporal ${command}${flags}`,
    close: () => connection.close(),
  };
}

export function unreachable(address: string, error: unknown): RecoveryError {
  const denied = isGrpcServiceError(error) && (error.code === GRPC.PERMISSION_DENIED || error.code === GRPC.UNAUTHENTICATED);
  if (denied) {
    return new RecoveryError('TEMPORAL_UNREACHABLE', `Temporal at ${address} refuses this client: ${error.details}`, {
      next: 'Check temporal.apiKey and temporal.tls of the configuration.',
    });
  }
  const details = isGrpcServiceError(error) && error.details ? error.details : messageOf(error);
  return new RecoveryError('TEMPORAL_UNREACHABLE', `Temporal at ${address} does not answer: ${details}`, {
    next: 'Start it, or name it by temporal.address or TEMPORAL_ADDRESS. To restore without it: `redis-backup restore INSTANCE --direct`.',
  });
}

const noNamespace = (address: string, namespace: string) =>
  new RecoveryError('TEMPORAL_UNREACHABLE', `Temporal at ${address} has no namespace "${namespace}"`, {
    next: `Correct temporal.namespace, or run: temporal operator namespace create --address ${address} --namespace ${namespace}`,
  });
