import type { Certificates } from './certificates.ts';
import { isAtLeast, type RedisBinary } from './redis-binaries.ts';
import type { RedisOptions } from './redis-server.ts';

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
    port: certificates ? '0' : `${port}`,
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
