import path from 'node:path';
import type { ShardRef } from '../model/shard.ts';
import type { Config, InstanceShard, RepositoryConfig, TlsConfig } from './config.ts';
import { instanceOf, shardOf, shardsOf } from './load.ts';
import { hideSecrets, resolveSecret, type SecretRef } from './secret.ts';

/** How to reach one Redis, secrets included (the shape of redis/client/connection.ts). Shows `[secret]` when it is printed. */
export interface ResolvedConnection {
  host: string;
  port: number;
  socketPath?: string;
  username?: string;
  password?: string;
  tls?: ResolvedTls;
  own?: { port?: number; socketPath?: string };
  commands?: Readonly<Record<string, string>>;
}

/** PEM texts. */
export interface ResolvedTls {
  ca?: string;
  cert?: string;
  key?: string;
  servername?: string;
}

/** Where the repository is, secrets included (the shape of `StoreSettings` in repository/). */
export interface ResolvedStore extends Omit<RepositoryConfig, 'accessKeyId' | 'secretAccessKey' | 'sessionToken'> {
  credentials?: StoreCredentials;
  /** Reads the secrets anew, when those above were refused. */
  readCredentials?: () => Promise<StoreCredentials | undefined>;
}

export interface StoreCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

export type ResolvedShard = InstanceShard & { connection: ResolvedConnection };

/** What is absent comes from Temporal's own environment and profile. */
export interface ResolvedTemporal {
  address?: string;
  namespace?: string;
  profile?: string;
  apiKey?: string;
  tls?: ResolvedTls;
}

type Read = (ref: SecretRef | undefined, ...at: PropertyKey[]) => Promise<string | undefined>;

const reader = (config: Config, env: NodeJS.ProcessEnv): Read => {
  const directory = path.dirname(path.resolve(config.origin.file));
  return async (ref, ...at) => (ref ? resolveSecret(ref, { at: config.origin.at(at), directory }, env) : undefined);
};

/**
 * One Redis with its connection. Keep the result inside the process: it holds secrets.
 * @throws RecoveryError `INSTANCE_UNKNOWN`, `INPUT_INVALID` for an unknown shard; `CONFIG_INVALID` when a secret isn't where the configuration says
 */
export async function resolveShard(
  config: Config,
  { instance, shard: id }: ShardRef,
  env: NodeJS.ProcessEnv = process.env,
): Promise<ResolvedShard> {
  const shard = shardOf(instanceOf(config, instance), id);
  const read = reader(config, env);
  const { username, password, tls, ...place } = shard.redis;
  const connection = {
    ...place,
    username,
    password: await read(password, 'instances', instance, 'password'),
    tls: tls && (await resolveTls(tls, read, ['instances', instance, 'tls'])),
  };
  return { ...shard, connection: hideSecrets(connection, ['password']) };
}

/** How each other Redis is reached, but those whose secrets are not here. */
export async function reachedBeside(config: Config, own: ShardRef): Promise<{ name: string; connection: ResolvedConnection }[]> {
  const others = Object.values(config.instances)
    .flatMap(shardsOf)
    .filter(({ instance, shard }) => instance !== own.instance || shard !== own.shard);
  const reached = others.map(async (one) => {
    const found = await resolveShard(config, one).catch(() => undefined);
    return found && { name: one.name, connection: found.connection };
  });
  return (await Promise.all(reached)).filter((one) => one !== undefined);
}

/** Where backups live. @throws RecoveryError `CONFIG_INVALID` when a secret isn't where the configuration says */
export async function resolveStore(config: Config, env: NodeJS.ProcessEnv = process.env): Promise<ResolvedStore> {
  const { accessKeyId, secretAccessKey, sessionToken, ...place } = config.repository;
  const read = reader(config, env);
  const readCredentials = async (): Promise<StoreCredentials | undefined> => {
    const [id, key, token] = await Promise.all([
      read(accessKeyId, 'repository', 'accessKeyId'),
      read(secretAccessKey, 'repository', 'secretAccessKey'),
      read(sessionToken, 'repository', 'sessionToken'),
    ]);
    if (id === undefined || key === undefined) return undefined;
    const credentials = { accessKeyId: id, secretAccessKey: key, sessionToken: token };
    return hideSecrets(credentials, ['accessKeyId', 'secretAccessKey', 'sessionToken']);
  };
  const credentials = await readCredentials();
  return credentials ? { ...place, credentials, readCredentials } : place;
}

/** How to reach Temporal. @throws RecoveryError `CONFIG_INVALID` when a secret isn't where the configuration says */
export async function resolveTemporal(config: Config, env: NodeJS.ProcessEnv = process.env): Promise<ResolvedTemporal> {
  const { apiKey, tls, ...rest } = config.temporal;
  const read = reader(config, env);
  const resolved = {
    ...rest,
    apiKey: await read(apiKey, 'temporal', 'apiKey'),
    tls: tls && (await resolveTls(tls, read, ['temporal', 'tls'])),
  };
  return hideSecrets(resolved, ['apiKey']);
}

/** What callers of the webhook give. @throws RecoveryError `CONFIG_INVALID` when it isn't where the configuration says */
export async function resolveWebhookToken(config: Config, env: NodeJS.ProcessEnv = process.env): Promise<string | undefined> {
  return reader(config, env)(config.worker.webhook?.token, 'worker', 'webhook', 'token');
}

async function resolveTls({ ca, cert, key, servername }: TlsConfig, read: Read, at: PropertyKey[]): Promise<ResolvedTls> {
  const tls = {
    ca: await read(ca, ...at, 'ca'),
    cert: await read(cert, ...at, 'cert'),
    key: await read(key, ...at, 'key'),
    servername,
  };
  return hideSecrets(tls, ['key']);
}
