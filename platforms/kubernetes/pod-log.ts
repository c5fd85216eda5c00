import type { V1Pod } from '@kubernetes/client-node';
import { hasCode } from '../../model/errors.ts';
import { lastLines } from '../host/log-tail.ts';
import type { Cluster } from './cluster.ts';
import { containerStatusOf } from './pod.ts';

/** The last lines of a container, with those of the one before it in the same pod where its own are few. */
export async function logsOf(cluster: Cluster, pod: V1Pod | undefined, container: string, lines: number): Promise<string[]> {
  const status = containerStatusOf(pod, container);
  if (!pod || !status?.containerID) return [];
  const own = await readLog(cluster, pod, container, lines, false);
  if (own.length >= lines || status.restartCount === 0 || !status.state?.running) return own;
  return [...(await readLog(cluster, pod, container, lines - own.length, true)), ...own];
}

/** Empty where there is none any more, and where we may not read it: that must not keep Redis down. */
async function readLog(
  { ask, core, namespace }: Cluster,
  pod: V1Pod,
  container: string,
  lines: number,
  previous: boolean,
): Promise<string[]> {
  const name = pod.metadata?.name ?? '';
  const text = await ask(`read the log of pod ${name}`, (options) =>
    core.readNamespacedPodLog({ name, namespace, container, tailLines: lines, previous }, options),
  ).catch((error: unknown) => {
    if (hasCode(error, 'KUBERNETES_MISSING', 'KUBERNETES_REFUSED', 'KUBERNETES_DENIED')) return '';
    throw error;
  });
  return lastLines(text ?? '', lines);
}
