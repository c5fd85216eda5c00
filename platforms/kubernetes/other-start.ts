import type { V1Container } from '@kubernetes/client-node';
import type { OtherStart } from '../../model/restore/next-start.ts';
import type { ServerSaid } from '../platform.ts';
import { readContainerConf } from './container-conf.ts';
import { configMapsOf } from './mounted-files.ts';
import { containerStatusOf } from './pod.ts';
import type { PodRedis } from './pod-redis.ts';
import { changedAtMs, configMapsThat } from './trace.ts';

/** What runs was made from another template than the next pod would be, or has read other ConfigMaps. */
export async function otherStart(redis: PodRedis, said: ServerSaid = {}): Promise<OtherStart | undefined> {
  const { cluster, workload, container, pod } = await redis.look();
  const running = pod?.spec?.containers.find(({ name }) => name === container.name);
  const startedAt = containerStatusOf(pod, container.name)?.state?.running?.startedAt;
  if (!pod || !running || !startedAt) return undefined;
  const made = pod.metadata?.labels?.['controller-revision-hash'];
  // A change that its controller has not seen yet has no revision: then what is told apart here is what counts.
  const what = differences(running, container);
  if (workload.nextRevision === undefined ? what !== undefined : made !== workload.nextRevision) {
    return another(
      `pod ${workload.podName} was made before ${workload.description} was last changed: the next one has ${what ?? 'something else in its template'}`,
    );
  }
  const startedAtMs = new Date(startedAt).getTime();
  const maps = await configMapsThat(cluster, configMapsOf(workload.template.spec ?? { containers: [] }, container));
  const newer = maps.filter((map) => (changedAtMs(map) ?? 0) > startedAtMs).map(({ metadata }) => metadata?.name);
  if (newer.length > 0) return another(`ConfigMap ${newer.join(', ')} was changed since pod ${workload.podName} started`);
  if (!said.configFile) return undefined;
  const { configFile } = await readContainerConf(cluster, workload, container).catch(() => ({ configFile: undefined })); // unseen
  if (configFile === undefined || configFile === said.configFile) return undefined;
  return another(`what runs has read ${said.configFile}, and the next one reads ${configFile}`);
}

const another = (why: string): OtherStart => ({
  outcome: 'another',
  why,
  next: 'Restart it first, at a time of your choice (kubectl rollout restart), or take the change back.',
});

/** Never a value: arguments may be passwords. */
function differences(now: V1Container, then: V1Container): string | undefined {
  if (now.image !== then.image) return `image ${then.image} in place of ${now.image}`;
  const parts = (['command', 'args', 'env'] as const).filter(
    (part) => JSON.stringify(now[part] ?? []) !== JSON.stringify(then[part] ?? []),
  );
  return parts.length > 0 ? `other ${parts.join(', ')}` : undefined;
}
