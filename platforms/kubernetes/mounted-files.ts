import { join, matchesGlob } from 'node:path/posix';
import type { V1ConfigMap, V1Container, V1PodSpec, V1Volume } from '@kubernetes/client-node';
import { RecoveryError } from '../../model/errors.ts';
import type { ConfFiles } from '../redis-conf.ts';
import { isWithin } from './container.ts';

/** Where a file of a container comes from. */
type Source = { configMap: string; key: string } | { unseen: string };

type ReadConfigMap = (name: string) => Promise<V1ConfigMap | undefined>;

/** What is to be seen of the files of a container: those that are mounted from ConfigMaps. Any other is named, and not read. */
export function mountedFiles(spec: V1PodSpec, container: V1Container, readConfigMap: ReadConfigMap): ConfFiles {
  return {
    async read(path) {
      const source = sourceOf(spec, container, path);
      if ('unseen' in source) throw unseen(path, source.unseen);
      const { configMap, key } = source;
      const text = textIn(await readConfigMap(configMap), key);
      if (text === undefined) throw unseen(path, `ConfigMap ${configMap} has no ${key}`);
      return text;
    },
    match: async (pattern) => {
      const paths = await Promise.all(mountsOf(spec, container).map((mount) => pathsIn(mount, readConfigMap)));
      return paths.flat().filter((path) => matchesGlob(path, pattern));
    },
  };
}

/** Names of the ConfigMaps that a container has as files. */
export const configMapsOf = (spec: V1PodSpec, container: V1Container): string[] => [
  ...new Set(mountsOf(spec, container).flatMap(({ volume }) => mapsOf(volume).map(({ name }) => name))),
];

interface Mount {
  mountPath: string;
  subPath?: string | undefined;
  volume: V1Volume;
}

function mountsOf({ volumes = [] }: V1PodSpec, { volumeMounts = [] }: V1Container): Mount[] {
  return volumeMounts.map(({ name, mountPath, subPath }) => ({
    mountPath: mountPath.replace(/\/+$/, '') || '/',
    subPath,
    volume: volumes.find((volume) => volume.name === name) ?? { name },
  }));
}

interface MapInVolume {
  name: string;
  items?: { key: string; path: string }[] | undefined;
}

const mapsOf = ({ configMap, projected }: V1Volume): MapInVolume[] =>
  [configMap, ...(projected?.sources ?? []).map((source) => source.configMap)].flatMap((map) =>
    map?.name === undefined ? [] : [{ name: map.name, items: map.items }],
  );

function sourceOf(spec: V1PodSpec, container: V1Container, path: string): Source {
  const [mount] = mountsOf(spec, container)
    .filter(({ mountPath }) => isWithin(path, mountPath))
    .sort((one, other) => other.mountPath.length - one.mountPath.length);
  if (!mount) return { unseen: `it is a file of the image ${container.image ?? ''}` };
  const { volume, subPath, mountPath } = mount;
  const inVolume = join(subPath ?? '', path.slice(mountPath === '/' ? 1 : mountPath.length + 1)).replace(/\/$/, '');
  const maps = mapsOf(volume);
  for (const { name, items } of maps) {
    const key = items ? items.find((item) => item.path === inVolume)?.key : inVolume;
    if (key !== undefined && (maps.length === 1 || items)) return { configMap: name, key };
  }
  return { unseen: `it lies in volume ${volume.name}${kindOf(volume)}` };
}

const kindOf = ({ secret, emptyDir, hostPath, configMap, projected }: V1Volume): string => {
  if (secret) return `, Secret ${secret.secretName}, which is not read`;
  if (emptyDir) return ', which is filled when the pod starts';
  if (hostPath) return `, ${hostPath.path} of the node`;
  return configMap || projected ? '' : ', which is a claim or of another kind';
};

async function pathsIn({ mountPath, subPath, volume }: Mount, readConfigMap: ReadConfigMap): Promise<string[]> {
  const maps = await Promise.all(
    mapsOf(volume).map(async ({ name, items }) => {
      const map = await readConfigMap(name);
      return items?.map(({ path }) => path) ?? Object.keys({ ...map?.data, ...map?.binaryData });
    }),
  );
  if (subPath !== undefined) return maps.flat().includes(subPath) ? [mountPath] : [];
  return maps.flat().map((path) => join(mountPath, path));
}

/** As latin1, as all of a redis.conf is read. */
function textIn(map: V1ConfigMap | undefined, key: string): string | undefined {
  const [text, bytes] = [map?.data?.[key], map?.binaryData?.[key]];
  if (text !== undefined) return Buffer.from(text, 'utf8').toString('latin1');
  return bytes === undefined ? undefined : Buffer.from(bytes, 'base64').toString('latin1');
}

const unseen = (path: string, why: string): RecoveryError =>
  new RecoveryError('CONFIG_INVALID', `the configuration of Redis, ${path}, cannot be seen: ${why}`, {
    next: 'Keep the configuration of Redis in a ConfigMap that is mounted into its container, or in its arguments.',
  });
