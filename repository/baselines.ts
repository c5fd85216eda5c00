import { z } from 'zod';
import { hasCode, messageOf, RecoveryError } from '../model/errors.ts';
import { timeOfBackupId } from '../model/instance.ts';
import { BASELINE_FORMAT_VERSION, type Baseline } from '../model/recovery/baseline.ts';
import type { ShardRef } from '../model/shard.ts';
import { baselineIdOf, baselineKey, baselinesPrefix } from './layout.ts';
import { count, server } from './manifest.ts';
import { formatStored, parseStored } from './manifest-digest.ts';
import { inParallel } from './parallel.ts';
import { readText, textBody } from './small-objects.ts';
import type { ObjectStore } from './stores/object-store.ts';

const LARGEST_BASELINE_BYTES = 256 * 1024;
const READS_AT_ONCE = 16;

const schema = z
  .strictObject({
    formatVersion: z.literal(BASELINE_FORMAT_VERSION),
    kind: z.literal('baseline'),
    baselineId: z.string(),
    instance: z.string(),
    shard: z.string(),
    windowSeconds: z.number().positive(),
    lookups: count,
    hits: count,
    authenticationPerSecond: z.number().nonnegative().optional(),
    keys: count,
    replicas: z.array(z.string()),
    server,
  })
  .refine(({ hits, lookups }) => hits <= lookups, 'more hits than lookups');

/** What is remembered of one shard from before a failure. */
export class Baselines {
  readonly #store: ObjectStore;
  readonly #of: ShardRef;

  constructor(store: ObjectStore, of: ShardRef) {
    this.#store = store;
    this.#of = of;
  }

  /** Of two in the same second the first one stays: they say the same. */
  async write(baseline: Baseline): Promise<void> {
    const text = formatStored(schema.parse(baseline));
    try {
      await this.#store.put(this.#key(baseline.baselineId), textBody(text), { ifAbsent: true });
    } catch (error) {
      if (!hasCode(error, 'OBJECT_EXISTS')) throw error;
    }
  }

  /**
   * Oldest first. What can't be read is left out: nothing is deleted or restored by a baseline, and a recovery goes on without.
   * @param sinceMs - only windows that ended later, milliseconds since 1970
   */
  async list({ sinceMs = 0 }: { sinceMs?: number } = {}): Promise<Baseline[]> {
    const ids = (await this.#ids()).filter((id) => timeOfBackupId(id) > sinceMs);
    const found = await inParallel(ids, READS_AT_ONCE, (id) => this.#read(id));
    return found.filter((one) => one !== undefined);
  }

  /** The newest that can be read. Of the replicas that it names, and the server that it saw, some may be all that is known. */
  async newest({ beforeMs = Number.POSITIVE_INFINITY }: { beforeMs?: number } = {}): Promise<Baseline | undefined> {
    const ids = (await this.#ids()).filter((id) => timeOfBackupId(id) < beforeMs);
    for (const id of ids.reverse()) {
      const found = await this.#read(id);
      if (found) return found;
    }
    return undefined;
  }

  /** The keys of those that are older, deleted unless it is a dry run. Safe to repeat. */
  async deleteOlder(beforeMs: number, { dryRun = false }: { dryRun?: boolean } = {}): Promise<string[]> {
    const keys = (await this.#ids()).filter((id) => timeOfBackupId(id) < beforeMs).map((id) => this.#key(id));
    for (const key of dryRun ? [] : keys) await this.#store.delete(key);
    return keys;
  }

  async #ids(): Promise<string[]> {
    const ids: string[] = [];
    for await (const { key } of this.#store.list(baselinesPrefix(this.#of))) {
      const id = baselineIdOf(key);
      if (id !== undefined) ids.push(id);
    }
    return ids.sort(); // an id sorts as its time does
  }

  async #read(id: string): Promise<Baseline | undefined> {
    const text = await readText(this.#store, this.#key(id), LARGEST_BASELINE_BYTES).catch((error) => {
      if (hasCode(error, 'MANIFEST_INVALID')) return undefined; // far too large
      throw error;
    });
    return text === undefined ? undefined : this.#parse(text, id);
  }

  #key(baselineId: string): string {
    return baselineKey(this.#of, baselineId);
  }

  #parse(text: string, id: string): Baseline | undefined {
    const found = readable(text);
    const { instance, shard } = this.#of;
    const isOwn = found?.baselineId === id && found.instance === instance && found.shard === shard;
    return isOwn ? found : undefined;
  }
}

function readable(text: string): Baseline | undefined {
  try {
    return parseStored(schema, text);
  } catch {
    return undefined; // cut short, changed, or of another version
  }
}

/** The strictest reader of the format, for its document. @throws RecoveryError `MANIFEST_INVALID` */
export function parseBaseline(text: string): Baseline {
  try {
    return parseStored(schema, text);
  } catch (cause) {
    throw new RecoveryError('MANIFEST_INVALID', `a baseline is not usable: ${messageOf(cause)}`, {
      next: 'Delete it: nothing but the comparison after a failure needs it.',
      cause,
    });
  }
}
