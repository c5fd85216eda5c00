import { setTimeout as sleep } from 'node:timers/promises';
import { RecoveryError } from '../../model/errors.ts';

/** The little that is asked of a client of Redis here. */
export interface ThrowawayClient {
  command(...args: string[]): Promise<unknown>;
  close(): void;
}

export type OpenThrowawayClient = (connection: { host: string; port: number; password?: string }) => Promise<ThrowawayClient>;

export interface LoadProgress {
  loadedBytes: number;
  totalBytes: number;
  /** By Redis' own estimate. */
  etaSeconds: number;
}

interface Load {
  open(): Promise<ThrowawayClient>;
  /** The process that must be the one that answers. */
  pid: number;
  /** Whether that process listens on the port: before it does, somebody else may, who must not be sent the password. */
  listens(): Promise<boolean>;
  /** Why, once it is gone. */
  hasEnded(): string | undefined;
  signal?: AbortSignal;
  onProgress?: (progress: LoadProgress) => void;
}

const POLL_MS = 50;
/** It listens and answers INFO before it loads, so this does not depend on the size of the data. */
const ANSWER_MS = 30_000;

/** Returns when the server serves. A load may take as long as it takes; to answer at all may not. */
export async function untilLoaded(load: Load): Promise<void> {
  const { signal, hasEnded } = load;
  let client: ThrowawayClient | undefined;
  let answered = performance.now();
  try {
    for (;;) {
      signal?.throwIfAborted();
      const ended = hasEnded();
      if (ended !== undefined) throw new Error(ended);
      try {
        if (!client && !(await load.listens())) throw new Error('it does not listen on its port');
        client ??= await load.open();
        if (await isLoaded(client, load)) return;
        answered = performance.now();
      } catch (error) {
        if (error instanceof Impostor || performance.now() - answered > ANSWER_MS) throw error;
        if (error instanceof RecoveryError && error.code === 'REDIS_AUTH_FAILED') throw error;
        client?.close();
        client = undefined; // it does not listen yet
      }
      await sleep(POLL_MS, undefined, { signal });
    }
  } finally {
    client?.close();
  }
}

class Impostor extends Error {}

async function isLoaded(client: ThrowawayClient, { pid, onProgress }: Load): Promise<boolean> {
  const server = String(await client.command('INFO', 'server'));
  if (numberIn(server, 'process_id') !== pid)
    throw new Impostor('another Redis answers on its port (bind: Address already in use)');
  const text = String(await client.command('INFO', 'persistence'));
  if (numberIn(text, 'loading') === 0) return true;
  onProgress?.({
    loadedBytes: numberIn(text, 'loading_loaded_bytes') ?? 0,
    totalBytes: numberIn(text, 'loading_total_bytes') ?? 0,
    etaSeconds: numberIn(text, 'loading_eta_seconds') ?? 0,
  });
  return false;
}

/** By the whole name: `async_loading:0` has `loading:0` in it. */
function numberIn(info: string, field: string): number | undefined {
  const found = new RegExp(`^${field}:(\\d+)`, 'm').exec(info)?.[1];
  return found === undefined ? undefined : Number(found);
}
