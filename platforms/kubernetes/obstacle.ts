import type { CoreV1Event, V1ContainerStatus, V1Pod } from '@kubernetes/client-node';

/** What keeps a pod from running its Redis. */
export interface Obstacle {
  /** `Secret redis-password is not there`-like words, with what Kubernetes says. */
  why: string;
  next: string;
  /** It belongs to every start, or may end by itself soon: it is waited for. */
  passes: boolean;
}

interface Seen {
  pod: V1Pod | undefined;
  /** Name of the container that is the Redis. */
  container: string;
  /** Of the pod, of its claims and of what makes the pod. Empty where we may not list them. */
  events: readonly CoreV1Event[];
}

/** Looks from what must come first to what comes last. Undefined where the container runs. */
export function obstacleOf({ pod, container, events }: Seen): Obstacle | undefined {
  if (!pod) return noPod(events);
  const status = pod.status?.containerStatuses?.find(({ name }) => name === container);
  return (
    beingEnded(pod) ??
    failed(pod) ??
    unscheduled(pod, events) ??
    initFails(pod) ??
    (status?.state?.running ? undefined : waits(status, container, imageOf(pod, container), events))
  );
}

const stays = (why: string, next: string): Obstacle => ({ why, next, passes: false });
const passes = (why: string, next = 'Wait for it.'): Obstacle => ({ why, next, passes: true });

const imageOf = ({ spec }: V1Pod, container: string): string =>
  spec?.containers.find(({ name }) => name === container)?.image ?? '';

const newest = (events: readonly CoreV1Event[], ...reasons: string[]): string | undefined =>
  events.findLast(({ reason = '' }) => reasons.includes(reason))?.message;

function noPod(events: readonly CoreV1Event[]): Obstacle {
  const said = newest(events, 'FailedCreate');
  if (said === undefined) return passes('no pod is made');
  const next = /quota/.test(said) ? 'Raise the quota of the namespace, or free some of it.' : 'Mend what refuses the pod.';
  return stays(`no pod is made: ${said}`, next);
}

/** A pod of a node that is lost is never ended by itself. */
function beingEnded({ metadata, spec }: V1Pod): Obstacle | undefined {
  if (!metadata?.deletionTimestamp) return undefined;
  const node = spec?.nodeName;
  return passes(
    `the pod before it is still being ended${node ? ` on node ${node}` : ''}`,
    `See whether ${node ? `node ${node}` : 'its node'} is lost. Force the deletion only if Redis surely does not run there: two would write to one disk.`,
  );
}

function failed({ status }: V1Pod): Obstacle | undefined {
  if (status?.phase !== 'Failed' || status.reason === undefined) return undefined;
  return stays(`the pod was ended (${status.reason}): ${status.message ?? ''}`, 'See what its node lacks (memory, disk).');
}

function unscheduled({ status }: V1Pod, events: readonly CoreV1Event[]): Obstacle | undefined {
  const condition = status?.conditions?.find(({ type }) => type === 'PodScheduled');
  if (condition?.status !== 'False') return undefined;
  const said = condition.message ?? condition.reason ?? '';
  const claim = /persistentvolumeclaim "([^"]+)" not found/.exec(said)?.[1];
  if (claim !== undefined)
    return stays(
      `claim ${claim} is not there: ${said}`,
      'Find out who deleted it before a new and empty one is made in its place.',
    );
  if (/unbound immediate PersistentVolumeClaims/.test(said)) {
    const why = newest(events, 'ProvisioningFailed', 'FailedBinding');
    return stays(`its claim has no volume: ${why ?? said}`, 'Correct the storage class of the claim, or give it a volume.');
  }
  if (/ReadWriteOncePod/.test(said)) return stays(`another pod has its claim: ${said}`, 'End the pod that uses it.');
  if (/Insufficient/.test(said)) return stays(`no node has room for it: ${said}`, 'Free what is missing on a node, or add one.');
  return stays(`no node may run it: ${said}`, 'See labels, taints and state of the nodes, and the node of its volume.');
}

function initFails({ status }: V1Pod): Obstacle | undefined {
  for (const { name, ready, state, lastState, started } of status?.initContainerStatuses ?? []) {
    if (ready || started) continue;
    const end = state?.terminated ?? lastState?.terminated;
    if (end && end.exitCode !== 0)
      return stays(`init container ${name} fails with exit code ${end.exitCode}`, `Read its log: kubectl logs -c ${name}.`);
    const { reason, message } = state?.waiting ?? {};
    if (reason !== undefined && !STARTING.has(reason))
      return stays(`init container ${name} does not start: ${message ?? reason}`, 'Mend what it says.');
    return passes(`init container ${name} is not done yet`);
  }
  return undefined;
}

const STARTING = new Set(['ContainerCreating', 'PodInitializing']);

function waits(
  status: V1ContainerStatus | undefined,
  container: string,
  image: string,
  events: readonly CoreV1Event[],
): Obstacle | undefined {
  const { reason = 'ContainerCreating', message = '' } = status?.state?.waiting ?? {};
  const end = status?.state?.terminated ?? (reason === 'CrashLoopBackOff' ? status?.lastState?.terminated : undefined);
  if (end) return ended(end);
  if (/Image/.test(reason))
    return stays(`its image ${image} is not to be had: ${message || reason}`, 'See its name, the registry, and the pull secret.');
  if (reason === 'CreateContainerConfigError' || reason === 'CreateContainerError')
    return stays(`its container ${container} cannot be made: ${message}`, configNext(message));
  const volume = newest(events, 'FailedMount', 'FailedAttachVolume', 'FailedMapVolume');
  if (volume !== undefined) {
    const missing = /(configmap|secret) "([^"]+)" not found/.exec(volume);
    if (missing) return stays(`${NAMES[missing[1] ?? '']} ${missing[2]} is not there: ${volume}`, 'Bring it back.');
    return passes(`its volume is not mounted: ${volume}`, 'See which node or pod still has the volume.');
  }
  const sandbox = newest(events, 'FailedCreatePodSandBox');
  if (sandbox !== undefined) return passes(`its node cannot make it: ${sandbox}`, 'See the node.');
  return passes('it is being made');
}

const NAMES: Readonly<Record<string, string>> = { configmap: 'ConfigMap', secret: 'Secret' };

const configNext = (message: string): string =>
  /secret/i.test(message)
    ? 'Bring that Secret, or its key, back.'
    : /configmap/i.test(message)
      ? 'Bring that ConfigMap back.'
      : 'Correct what it names in the pod.';

function ended({ reason = 'Error', exitCode, message }: { reason?: string; exitCode: number; message?: string }): Obstacle {
  if (reason === 'OOMKilled') return stays('it was killed for memory (OOMKilled)', 'Raise its memory limit.');
  if (reason === 'StartError' || reason === 'ContainerCannotRun')
    return stays(
      `its command cannot be run: ${/exec: .*$/.exec(message ?? '')?.[0] ?? message ?? ''}`,
      'Correct its command or its image.',
    );
  return stays(`it ends with exit code ${exitCode}`, 'Correct what the last lines of its log say, then try again.');
}

/** It has ended, and its next start is put off. */
export function isInBackOff(pod: V1Pod | undefined, container: string): boolean {
  const state = pod?.status?.containerStatuses?.find(({ name }) => name === container)?.state;
  return state?.waiting?.reason === 'CrashLoopBackOff' || state?.terminated !== undefined;
}
