import { Client, Connection, isGrpcServiceError, ServiceError, WorkflowNotFoundError } from '@temporalio/client';
import { NamespaceNotFoundError } from '@temporalio/common';
import type { Config } from '../config/config.ts';
import { resolveTemporal } from '../config/resolve.ts';
import { targetOf } from '../config/target.ts';
import { named, type Target } from '../model/deployment.ts';
import { messageOf, RecoveryError } from '../model/errors.ts';
import { CONNECT_TIMEOUT_MS, connectionOptions, DEFAULT_ADDRESS, DEFAULT_NAMESPACE } from '../worker/temporal-options.ts';

const GRPC = {
  CANCELLED: 1,
  DEADLINE: 4,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;
const AWAY = new Set<number>([GRPC.CANCELLED, GRPC.DEADLINE, GRPC.INTERNAL, GRPC.UNAVAILABLE]);
const DENIED = new Set<number>([GRPC.PERMISSION_DENIED, GRPC.UNAUTHENTICATED]);

/** The part of @grpc/grpc-js' ServiceError that is read here. */
interface GrpcError {
  code: number;
  details: string;
}

/** A connection to Temporal that has been seen to answer. */
export interface TemporalSession {
  client: Client;
  connection: Connection;
  address: string;
  namespace: string;
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
    targetOf: (instance) => targetOf(config, instance, 'command'),
    named: (name) => named(config.deployment, name),
    commandLine: (command) => `temporal ${command}${flags}`,
    close: () => connection.close(),
  };
}

/** gRPC UNAVAILABLE and DEADLINE_EXCEEDED, or a connection that was cut: it may be back in a moment. */
export function isAway(error: unknown): boolean {
  const cause = grpcErrorOf(error);
  return cause !== undefined && AWAY.has(cause.code);
}

/** What Temporal answered as our own error; anything else as it is. */
export function errorOfTemporal(error: unknown): unknown {
  if (error instanceof NamespaceNotFoundError) return forgot(`the namespace ${error.namespace}`);
  if (error instanceof WorkflowNotFoundError) return forgot(error.workflowId);
  const cause = grpcErrorOf(error);
  if (!cause) return error;
  if (isAway(error) || DENIED.has(cause.code)) return unreachable(undefined, cause);
  if (cause.code === GRPC.NOT_FOUND) return forgot(cause.details);
  return new RecoveryError('INTERNAL', `Temporal refused: ${cause.details}`, {
    next: 'Is the Temporal server as old as this software knows it? Report this with its version.',
  });
}

export function unreachable(address: string | undefined, error: unknown): RecoveryError {
  const cause = grpcErrorOf(error);
  const where = address ? ` at ${address}` : '';
  if (cause && DENIED.has(cause.code)) {
    return new RecoveryError('TEMPORAL_UNREACHABLE', `Temporal${where} refuses this client: ${cause.details}`, {
      next: 'Check temporal.apiKey and temporal.tls of the configuration.',
    });
  }
  return new RecoveryError('TEMPORAL_UNREACHABLE', `Temporal${where} does not answer: ${cause?.details || messageOf(error)}`, {
    next: 'Start it, or name it by temporal.address or TEMPORAL_ADDRESS. To restore without it: `redis-backup restore INSTANCE --direct`.',
  });
}

function grpcErrorOf(error: unknown): GrpcError | undefined {
  const cause = error instanceof ServiceError ? error.cause : error;
  return isGrpcServiceError(cause) ? cause : undefined;
}

/** It answered, and knew nothing of it: a dev server without a file, a namespace made anew. */
const forgot = (what: string) =>
  new RecoveryError(
    'TEMPORAL_FORGOT',
    `Temporal answers, and knows nothing of ${what}: it, or its namespace, came back without its memory`,
    {
      next: 'Nobody puts back what the operation had changed: look with `redis-backup recover INSTANCE --dry-run`, then start it again. `redis-backup check --apply` starts schedules, archives and watchers that are missing.',
    },
  );

const noNamespace = (address: string, namespace: string) =>
  new RecoveryError('TEMPORAL_UNREACHABLE', `Temporal at ${address} has no namespace "${namespace}"`, {
    next: `Correct temporal.namespace, or run: temporal operator namespace create --address ${address} --namespace ${namespace}`,
  });
