import { lookup } from 'node:dns/promises';
import type { V1EndpointSlice, V1Service } from '@kubernetes/client-node';
import { hasCode } from '../../model/errors.ts';
import type { SameServer, ServerSaid } from '../platform.ts';
import { readContainerConf } from './container-conf.ts';
import type { Look, PodRedis } from './pod-redis.ts';

/**
 * By the address that the instance is reached at: it is that of the pod, or of a Service behind which the pod alone is ready. In a
 * container a Redis is always process 1, so it says nothing; its redis.conf and directory can only contradict.
 */
export async function identify(redis: PodRedis, said?: ServerSaid): Promise<SameServer> {
  const look = await redis.look();
  const why = said && (await contradiction(look, said));
  if (why !== undefined) return { same: 'no', why, isSure: false };
  if (!redis.address) return unknown('its address is not known');
  const ours = look.pod?.status?.podIP;
  if (ours === undefined) return unknown('its pod has no address now');
  const { host } = redis.address;
  const addresses = await lookup(host, { all: true }).catch(() => []);
  if (addresses.length === 0) return unknown(`${host} has no address from here`);
  const all = addresses.map(({ address }) => address);
  if (all.every((address) => address === ours)) return { same: 'yes' };
  return (
    (await byService(look, host, all, ours)) ??
    unknown(`${host} is ${all.join(', ')}, which is no address of its pod or of a Service`)
  );
}

const unknown = (why: string): SameServer => ({ same: 'unknown', why });

async function contradiction({ cluster, workload, container }: Look, said: ServerSaid): Promise<string | undefined> {
  const known = await readContainerConf(cluster, workload, container).catch((error: unknown) => {
    if (hasCode(error, 'CONFIG_INVALID')) return undefined; // what cannot be seen is compared with nothing
    throw error;
  });
  if (!known) return undefined;
  const { configFile, conf } = known;
  if (said.configFile && configFile !== undefined && said.configFile !== configFile)
    return `what answers has read ${said.configFile}, and container ${container.name} of ${workload.description} starts with ${configFile}`;
  if (said.dir !== undefined && said.dir !== conf.dir)
    return `it keeps its data in ${said.dir}, and the configuration of ${workload.description} says ${conf.dir}`;
  return undefined;
}

/** Undefined where no Service of the namespace has that address. */
async function byService(
  { cluster, workload }: Look,
  host: string,
  addresses: string[],
  ours: string,
): Promise<SameServer | undefined> {
  const { namespace } = cluster;
  const found = await cluster
    .ask('list Services', (options) => cluster.core.listNamespacedService({ namespace }, options))
    .then(({ items }) => items.find((service) => addressesOf(service).some((one) => addresses.includes(one))))
    .catch(unlessDenied);
  if (found === 'denied') return unknown('the worker may not list the Services of the namespace');
  const name = found?.metadata?.name;
  if (name === undefined) return undefined;
  const slices = await cluster
    .ask('list EndpointSlices', (options) =>
      cluster.discovery.listNamespacedEndpointSlice({ namespace, labelSelector: `kubernetes.io/service-name=${name}` }, options),
    )
    .then(({ items }) => items)
    .catch(unlessDenied);
  if (slices === 'denied') return unknown('the worker may not list the EndpointSlices of the namespace');
  const ready = readyIn(slices);
  const [only, second] = ready;
  if (only === ours && second === undefined) return { same: 'yes' };
  if (only === undefined) return unknown(`nobody is ready behind Service ${name}`);
  if (ready.includes(ours)) return unknown(`behind Service ${name}, ${host}, more than one is ready: ${ready.join(', ')}`);
  return {
    same: 'no',
    why: `behind Service ${name}, ${host}, ${ready.join(', ')} answers, and the pod of ${workload.description} is ${ours}`,
    isSure: true,
  };
}

const addressesOf = ({ spec, status }: V1Service): string[] => [
  ...(spec?.clusterIPs ?? []),
  ...(spec?.externalIPs ?? []),
  ...(status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []),
];

/** What does not say whether it is counts as ready, as for Services themselves. */
const readyIn = (slices: readonly V1EndpointSlice[]): string[] => [
  ...new Set(
    slices.flatMap(({ endpoints }) =>
      (endpoints ?? []).flatMap(({ addresses, conditions }) => (conditions?.ready === false ? [] : addresses)),
    ),
  ),
];

function unlessDenied(error: unknown): 'denied' {
  if (hasCode(error, 'KUBERNETES_DENIED')) return 'denied';
  throw error;
}
