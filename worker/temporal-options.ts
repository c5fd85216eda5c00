import type { ConnectionOptions } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { ResolvedTemporal } from '../config/resolve.ts';
import { messageOf, RecoveryError } from '../model/errors.ts';

/** Somebody waits at a terminal, perhaps with a Redis that is down. */
export const CONNECT_TIMEOUT_MS = 5_000;
export const DEFAULT_ADDRESS = '127.0.0.1:7233';
export const DEFAULT_NAMESPACE = 'default';

/** What the configuration says, laid over Temporal's own profile and environment. */
export function connectionOptions(own: ResolvedTemporal): { options: ConnectionOptions; namespace: string } {
  const { connectionOptions: theirs, namespace } = loadTheirs(own.profile);
  const { address, tls, apiKey, metadata } = theirs as ConnectionOptions;
  const options: ConnectionOptions = {
    address: own.address ?? address ?? DEFAULT_ADDRESS,
    tls: own.tls ? toTls(own.tls) : tls,
    apiKey: own.apiKey ?? apiKey,
    metadata,
    connectTimeout: CONNECT_TIMEOUT_MS,
  };
  return { options, namespace: own.namespace ?? namespace ?? DEFAULT_NAMESPACE };
}

function loadTheirs(profile: string | undefined): ReturnType<typeof loadClientConnectConfig> {
  try {
    return loadClientConnectConfig({ profile });
  } catch (error) {
    throw new RecoveryError('CONFIG_INVALID', `the profile of the temporal CLI cannot be used: ${messageOf(error)}`, {
      next: 'Look at TEMPORAL_CONFIG_FILE and TEMPORAL_PROFILE, or at `temporal config list`.',
    });
  }
}

function toTls({ ca, cert, key, servername }: NonNullable<ResolvedTemporal['tls']>): ConnectionOptions['tls'] {
  return {
    serverRootCACertificate: ca === undefined ? undefined : Buffer.from(ca),
    clientCertPair: cert === undefined || key === undefined ? undefined : { crt: Buffer.from(cert), key: Buffer.from(key) },
    serverNameOverride: servername,
  };
}
