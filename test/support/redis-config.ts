import { join } from 'node:path';
import type { Certificates } from './certificates.ts';
import { isAtLeast, type RedisBinary } from './redis-binaries.ts';

export interface RedisOptions {
  /** A path. Default: the redis-server of the system; others are in `redisBinaries()`. */
  binary?: string;
  /** Lines of redis.conf, as they stand there; `''` becomes `""`, undefined leaves the line of the helper out. */
  config?: Record<string, string | string[] | undefined>;
  /** Files put into the data directory before the start: relative path → bytes, or the path of a file to copy. */
  seed?: Record<string, Buffer | { from: string }>;
  /** Password of the default user, which the helper itself uses. */
  password?: string;
  /** ACL rules of further users, as in `user <name> …`: `{ backup: 'on >secret +ping' }`. */
  users?: Record<string, string>;
  /** TLS only, no plain port. `mutual`: clients need a certificate. */
  tls?: 'server' | 'mutual';
  /** A Unix socket in its directory, which its connection is by; `only`: it listens on no port. */
  socket?: 'only' | 'besides';
  /** Default `loaded`: it answers PING. `connected`: INFO is answered, even while it loads. `started`: nothing is awaited. */
  until?: 'loaded' | 'connected' | 'started';
}

export const SOCKET = 'redis.sock';

export interface ConfigInput {
  port: number;
  dir: string;
  logFile: string;
  certificates?: Certificates;
  binary: RedisBinary;
  options: RedisOptions;
}

/** The text of redis.conf for one server under test. */
export function configText({ port, dir, logFile, certificates, binary, options }: ConfigInput): string {
  const lines: Record<string, string | string[] | undefined> = {
    bind: '127.0.0.1',
    port: certificates || options.socket === 'only' ? '0' : `${port}`,
    ...(options.socket ? { unixsocket: `"${join(dir, SOCKET)}"` } : {}),
    dir: `"${dir}"`,
    logfile: `"${logFile}"`,
    save: '',
    'repl-diskless-sync-delay': '0', // else every snapshot waits 5 s
    ...(isAtLeast(binary, 7) ? { 'enable-debug-command': 'yes' } : {}),
    ...(options.password === undefined ? {} : { requirepass: options.password }),
    user: Object.entries(options.users ?? {}).map(([name, rules]) => `${name} ${rules}`),
    ...(certificates ? tlsLines(port, options.tls, certificates) : {}),
    ...options.config,
  };
  const text: string[] = [];
  for (const [name, values] of Object.entries(lines)) {
    for (const value of [values ?? []].flat()) text.push(`${name} ${value === '' ? '""' : value}`);
  }
  return `${text.join('\n')}\n`;
}

const tlsLines = (port: number, mode: RedisOptions['tls'], files: Certificates): Record<string, string> => ({
  'tls-port': `${port}`,
  'tls-cert-file': files.certFile,
  'tls-key-file': files.keyFile,
  'tls-ca-cert-file': files.caFile,
  'tls-auth-clients': mode === 'mutual' ? 'yes' : 'no',
});
