import { Writable } from 'node:stream';
import {
  ApiException,
  AppsV1Api,
  type ConfigurationOptions,
  CoreV1Api,
  DiscoveryV1Api,
  KubeConfig,
  Log,
  Observable,
  PatchStrategy,
  type RequestContext,
  type ResponseContext,
  setHeaderOptions,
} from '@kubernetes/client-node';
import { hasCode, messageOf, RecoveryError } from '../../model/errors.ts';
import type { ClusterAccess } from './access.ts';

/** A namespace of a Kubernetes cluster, as far as the rights of whoever asks go. */
export interface Cluster {
  readonly namespace: string;
  readonly core: CoreV1Api;
  readonly apps: AppsV1Api;
  readonly discovery: DiscoveryV1Api;
  /**
   * Asks the API server, and gives up after ten seconds.
   * @param what - for messages: `get pod redis-0`
   * @throws RecoveryError `KUBERNETES_DENIED`, `KUBERNETES_MISSING`, `KUBERNETES_CONFLICT`, `KUBERNETES_REFUSED`, `KUBERNETES_UNREACHABLE`
   */
  ask<T>(what: string, request: (options: ConfigurationOptions) => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** The same of what may not be there. */
  find<T>(what: string, request: (options: ConfigurationOptions) => Promise<T>, signal?: AbortSignal): Promise<T | undefined>;
  /** A request whose body replaces the fields that it has, and leaves the others. */
  asMerge(options: ConfigurationOptions): ConfigurationOptions;
  /** Follows what a container logs, from its last lines on. */
  followLog(pod: string, container: string, tailLines: number): Promise<FollowedLog>;
}

/** What a container has logged, kept when its pod is gone. */
export interface FollowedLog extends Disposable {
  /** From the last that were asked for to now. */
  text(): string;
}

/** Of a log that is followed for hours, the end. */
const FOLLOWED_BYTES = 256 * 1024;

/** An API server that is restarted answers again after some seconds: a step is tried again, and not held. */
const ANSWERS_WITHIN_MS = 10_000;

/** @throws RecoveryError `CONFIG_INVALID` where no cluster is named that way */
export function openCluster(namespace: string, access: ClusterAccess = {}): Cluster {
  const config = readAccess(access);
  const ask = async <T>(
    what: string,
    request: (options: ConfigurationOptions) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> => {
    const deadline = AbortSignal.timeout(ANSWERS_WITHIN_MS);
    try {
      return await request(endsWith(signal ? AbortSignal.any([signal, deadline]) : deadline));
    } catch (error) {
      signal?.throwIfAborted();
      throw inWords(error, what, namespace);
    }
  };
  return {
    namespace,
    discovery: config.makeApiClient(DiscoveryV1Api),
    asMerge: (options) => setHeaderOptions('Content-Type', PatchStrategy.MergePatch, options),
    followLog: (pod, container, tailLines) => follow(config, namespace, pod, container, tailLines),
    core: config.makeApiClient(CoreV1Api),
    apps: config.makeApiClient(AppsV1Api),
    ask,
    find: (what, request, signal) =>
      ask(what, request, signal).catch((error: unknown) => {
        if (hasCode(error, 'KUBERNETES_MISSING')) return undefined;
        throw error;
      }),
  };
}

async function follow(
  config: KubeConfig,
  namespace: string,
  pod: string,
  container: string,
  tailLines: number,
): Promise<FollowedLog> {
  let kept = Buffer.alloc(0);
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      kept = Buffer.concat([kept, chunk]).subarray(-FOLLOWED_BYTES);
      done();
    },
  });
  // It ends with the pod, or with us; its source is an error then, too.
  sink.on('error', () => undefined).on('pipe', (source) => source.on('error', () => undefined));
  const stop = await new Log(config).log(namespace, pod, container, sink, { follow: true, tailLines });
  return { text: () => kept.toString('utf8'), [Symbol.dispose]: () => stop.abort() };
}

function readAccess({ kubeconfig, context }: ClusterAccess): KubeConfig {
  const config = new KubeConfig();
  try {
    if (kubeconfig !== undefined) config.loadFromFile(kubeconfig);
    else if (process.env.KUBERNETES_SERVICE_HOST !== undefined && process.env.KUBECONFIG === undefined) config.loadFromCluster();
    else config.loadFromDefault();
    if (context !== undefined) config.setCurrentContext(context);
  } catch (error) {
    throw unusable(messageOf(error), error);
  }
  if (!config.getCurrentCluster()) throw unusable(context === undefined ? 'it names no cluster' : `it has no context ${context}`);
  return config;
}

const unusable = (why: string, cause?: unknown): RecoveryError =>
  new RecoveryError('CONFIG_INVALID', `the kubeconfig is not usable: ${why}`, {
    next: 'Set platform.kubeconfig and platform.context, or KUBECONFIG; a worker that is a pod of the cluster needs neither.',
    cause,
  });

/** The client has no time-out of its own. */
function endsWith(signal: AbortSignal): ConfigurationOptions {
  const pre = (context: RequestContext): Observable<RequestContext> => {
    context.setSignal(signal);
    return new Observable(Promise.resolve(context));
  };
  const post = (context: ResponseContext): Observable<ResponseContext> => new Observable(Promise.resolve(context));
  return { middlewareMergeStrategy: 'append', middleware: [{ pre, post }] };
}

/** What the API server says: a Status, as JSON text. */
function statusOf({ body }: ApiException<unknown>): string {
  try {
    const { message } = (typeof body === 'string' ? JSON.parse(body) : body) as { message?: string };
    return message ?? '';
  } catch {
    return String(body);
  }
}

/** @param error - of the client: nothing of ours */
function inWords(error: unknown, what: string, namespace: string): RecoveryError {
  if (!(error instanceof ApiException)) {
    const why = messageOf(error instanceof Error ? (error.cause ?? error) : error);
    return new RecoveryError('KUBERNETES_UNREACHABLE', `the API server did not answer to ${what}: ${why}`, {
      next: 'Look whether it runs, and whether a firewall or a NetworkPolicy is in the way; it is tried again.',
      cause: error,
    });
  }
  const said = statusOf(error);
  const failed = (
    code: 'KUBERNETES_DENIED' | 'KUBERNETES_MISSING' | 'KUBERNETES_CONFLICT' | 'KUBERNETES_REFUSED',
    next: string,
  ) =>
    new RecoveryError(code, `cannot ${what} in namespace ${namespace}: ${said || `HTTP ${error.code}`}`, { next, cause: error });
  switch (error.code) {
    case 401:
      return failed('KUBERNETES_DENIED', 'Look at the token or certificate of the kubeconfig: it is not taken, or has run out.');
    case 403:
      return failed('KUBERNETES_DENIED', 'Give the service account of the worker that verb: docs/kubernetes.md has all of them.');
    case 404:
      return failed('KUBERNETES_MISSING', 'Look at namespace and name in redis-backup.yaml.');
    case 409:
      return failed(
        'KUBERNETES_CONFLICT',
        'Somebody else has changed it in this moment: look who, and start the operation again.',
      );
    default:
      return error.code >= 500 || error.code === 429
        ? new RecoveryError('KUBERNETES_UNREACHABLE', `the API server could not ${what}: ${said || `HTTP ${error.code}`}`, {
            next: 'It is tried again.',
            cause: error,
          })
        : failed('KUBERNETES_REFUSED', 'Look at what it says.');
  }
}
