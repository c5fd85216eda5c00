import { z } from 'zod';
import { foreignRepository, foreignTo, type Owner } from '../model/backup/owner.ts';
import type { Target } from '../model/deployment.ts';
import { hasCode, messageOf, RecoveryError } from '../model/errors.ts';
import { ownerKey } from './layout.ts';
import { formatStored, parseStored } from './manifest-digest.ts';
import { readText, textBody } from './small-objects.ts';
import type { ObjectStore } from './stores/object-store.ts';

const LARGEST_BYTES = 256 * 1024;

const who = { deployment: z.string().optional(), address: z.string(), host: z.string().optional() };
const schema = z.strictObject({
  formatVersion: z.literal(1),
  kind: z.literal('owner'),
  instance: z.string(),
  ...who,
  since: z.iso.datetime(),
  before: z.array(z.strictObject({ ...who, until: z.iso.datetime(), why: z.string() })),
});

/** Whose the backups of one instance are. */
export class Ownership {
  readonly #store: ObjectStore;
  readonly #instance: string;

  constructor(store: ObjectStore, instance: string) {
    this.#store = store;
    this.#instance = instance;
  }

  /**
   * Undefined where nobody has claimed them.
   * @throws RecoveryError `MANIFEST_INVALID`: what can't be read may belong to anybody
   */
  async read(): Promise<Owner | undefined> {
    const key = ownerKey(this.#instance);
    const text = await readText(this.#store, key, LARGEST_BYTES);
    if (text === undefined) return undefined;
    try {
      const { formatVersion: _, kind: __, ...owner } = parseStored(schema, text);
      if (owner.instance !== this.#instance) throw new Error(`it is of instance ${owner.instance}`);
      return owner as Owner;
    } catch (cause) {
      const what = `${this.#store.url}/${key} does not say whose the backups of ${this.#instance} are`;
      throw new RecoveryError('MANIFEST_INVALID', `${what}: ${messageOf(cause)}`, {
        next: 'Look at it; `redis-backup adopt` writes it anew.',
        cause,
      });
    }
  }

  /** Whose they are, if they are not those of `target`. */
  async foreignTo(target: Target): Promise<Owner | undefined> {
    const owner = await this.read();
    return owner && foreignTo(owner, target).length > 0 ? owner : undefined;
  }

  /** @throws RecoveryError `REPOSITORY_FOREIGN` @param what - what is refused, such as `nothing is stored` */
  async requireOwn(target: Target, what: string): Promise<void> {
    const owner = await this.foreignTo(target);
    if (owner) throw foreignRepository(owner, target, what);
  }

  /** Claims them for the first time. @returns the owner: of two that claim at once, the first */
  async claim(owner: Owner): Promise<Owner> {
    try {
      await this.#store.put(ownerKey(this.#instance), textBody(formatOwner(owner)), { ifAbsent: true });
      return owner;
    } catch (error) {
      if (!hasCode(error, 'OBJECT_EXISTS')) throw error;
      return (await this.read()) ?? owner;
    }
  }

  /** Writes a new owner over the old one. */
  async replace(owner: Owner): Promise<void> {
    await this.#store.put(ownerKey(this.#instance), textBody(formatOwner(owner)));
  }
}

const formatOwner = (owner: Owner): string => formatStored({ formatVersion: 1, kind: 'owner', ...owner });
