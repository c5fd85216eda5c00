import { isGrpcServiceError, ServiceError, WorkflowNotFoundError } from '@temporalio/client';
import { NamespaceNotFoundError } from '@temporalio/common';
import { messageOf, RecoveryError } from '../model/errors.ts';
import { temporalInOurWords } from './temporal-words.ts';

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
  return new RecoveryError(
    'TEMPORAL_UNREACHABLE',
    `Temporal${where} does not answer: ${temporalInOurWords(cause?.details || messageOf(error))}`,
    {
      next: 'Start it, or name it by temporal.address or TEMPORAL_ADDRESS.',
    },
  );
}

/** Of a worker that the server, or the SDK, gives up: its namespace is gone, for example. */
export const endedByTemporal = (error: unknown): RecoveryError =>
  new RecoveryError('TEMPORAL_UNREACHABLE', `Temporal gives this worker nothing to do: ${temporalInOurWords(messageOf(error))}`, {
    next: 'Start it again, as its supervisor does: it then waits for Temporal and its namespace, and says so.',
    cause: error,
  });

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

/** Of a first call, which names the namespace: it is not there, or Temporal isn't. */
export const withoutNamespace = (error: unknown, address: string, namespace: string): RecoveryError =>
  grpcErrorOf(error)?.code === GRPC.NOT_FOUND ? noNamespace(address, namespace) : unreachable(address, error);

/** Whether Temporal refuses this client, which waiting does not mend. */
export const isPermissionDenied = (error: unknown): boolean => DENIED.has(grpcErrorOf(error)?.code ?? 0);

const noNamespace = (address: string, namespace: string) =>
  new RecoveryError('TEMPORAL_UNREACHABLE', `Temporal at ${address} has no namespace "${namespace}"`, {
    next: `Correct temporal.namespace, or run: temporal operator namespace create --address ${address} --namespace ${namespace}`,
  });
