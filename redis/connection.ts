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
}

export interface RedisTls {
  ca?: string;
  cert?: string;
  key?: string;
  servername?: string;
  /** Default true. False accepts any certificate, so anybody may answer. */
  rejectUnauthorized?: boolean;
}

/** `redis://host:port`, or `rediss://` with TLS: for messages, without user or password. */
export const describeConnection = ({ host, port, tls, socketPath }: RedisConnection): string =>
  socketPath ? `unix:${socketPath}` : `${tls ? 'rediss' : 'redis'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
