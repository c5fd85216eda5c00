import { RecoveryError } from '../../model/errors.ts';
import { realSocket } from './find-redis.ts';

/** Where a Redis would listen by its redis.conf. */
interface Listens {
  ports: readonly number[];
  socket: string | undefined;
}

/**
 * The guard against a configuration that pairs the URL of one Redis with the files of another. A redis.conf that has neither
 * port nor socket says nothing of a port.
 * @throws RecoveryError `TARGET_IDENTITY`
 */
export async function requireEndpoint(
  { port, socketPath }: { port?: number | undefined; socketPath?: string | undefined },
  { ports, socket }: Listens,
): Promise<void> {
  const said = [...(ports.length > 0 ? [`port ${ports.join(' and ')}`] : []), ...(socket ? [`socket ${socket}`] : [])];
  if (socketPath !== undefined) {
    const isSame = socket !== undefined && (await realSocket(socket)) === (await realSocket(socketPath));
    if (!isSame) throw elsewhere(`socket ${socketPath}`, said);
  } else if (port !== undefined && said.length > 0 && !ports.includes(port)) throw elsewhere(`port ${port}`, said);
}

const elsewhere = (reached: string, said: readonly string[]) =>
  new RecoveryError(
    'TARGET_IDENTITY',
    `the instance is reached at ${reached}, but its redis.conf says ${said.join(' and ') || 'neither port nor socket'}`,
    {
      next: 'Make url and configFile of the instance in redis-backup.yaml name the same Redis; where something stands before it, such as a TLS terminator, say where it listens itself by platform.port or platform.socket.',
    },
  );
