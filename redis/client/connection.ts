/** How one Redis is reached. Resolved, so it holds secrets: never logged, never part of a workflow's input. */
export interface RedisConnection {
  host: string;
  port: number;
  /** A Unix socket of this machine, in place of host and port. */
  socketPath?: string;
  /** ACL user. Absent: the default user. */
  username?: string;
  password?: string;
  /** Present, even empty, means TLS. Certificates and keys are PEM texts. */
  tls?: RedisTls;
  /** Of Redis itself, where what is connected to is something before it. */
  own?: OwnEndpoint;
  /** What `rename-command` calls commands there, by their real names in capitals. */
  commands?: Readonly<Record<string, string>>;
  /** Reads its redis.conf, where that is on this machine: for a server that has renamed or disabled a command. */
  conf?: () => Promise<ConfKnowledge>;
}

/** What redis.conf says of a server that cannot be asked. The names of its commands are secrets: never shown. */
export interface ConfKnowledge {
  /** By their real names in capitals; empty: disabled. */
  commands: Readonly<Record<string, string>>;
  /** As CONFIG GET would answer, but for what was set since the start. Without secrets. */
  settings: Readonly<Record<string, string>>;
}

export interface RedisTls {
  ca?: string;
  cert?: string;
  key?: string;
  servername?: string;
  /** Default true. False accepts any certificate, so anybody may answer. */
  rejectUnauthorized?: boolean;
}

/** Where Redis itself listens, as its redis.conf says it: one of the two. */
export interface OwnEndpoint {
  port?: number;
  socketPath?: string;
}

/** Where Redis itself listens, as far as the configuration knows it. */
export const ownEndpointOf = ({ own, port, socketPath }: Pick<RedisConnection, 'own' | 'port' | 'socketPath'>): OwnEndpoint =>
  own ?? (socketPath === undefined ? { port } : { socketPath });

/** Where a socket of Node connects to. */
export const endpointOf = ({ host, port, socketPath }: RedisConnection): { path: string } | { host: string; port: number } =>
  socketPath ? { path: socketPath } : { host, port };

/** As `redis-cli` is given it: `host:port`, or the path of a socket. */
export const placeOf = ({ host, port, socketPath }: RedisConnection): string => socketPath ?? `${host}:${port}`;

/** `redis://host:port`, or `rediss://` with TLS: for messages, without user or password. */
export const describeConnection = ({ host, port, tls, socketPath }: RedisConnection): string =>
  socketPath ? `unix:${socketPath}` : `${tls ? 'rediss' : 'redis'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
