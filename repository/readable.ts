import { hasCode, RecoveryError } from '../model/errors.ts';

const NEWER = 'Use the version of redis-backup that wrote it, or a newer one';

/**
 * Passes what this software can read, by the two fields that every description of stored bytes may have: `formatVersion`, and
 * `encryption`, which is reserved for how the bytes are encrypted that it describes.
 * @param json - a manifest, the head of a segment, a timeline
 * @throws RecoveryError `MANIFEST_VERSION_UNKNOWN`, `BACKUP_ENCRYPTED`: asked before anything else is looked at
 */
export function requireReadable(json: unknown, version: number, where: string): void {
  if (typeof json !== 'object' || json === null) return; // whoever knows its form says so
  const { formatVersion } = json as { formatVersion?: unknown };
  if (typeof formatVersion === 'number' && formatVersion !== version) {
    throw new RecoveryError(
      'MANIFEST_VERSION_UNKNOWN',
      `${where} has format version ${formatVersion}, this software knows ${version}`,
      { next: `${NEWER}; docs/repository-format.md shows how to do without.` },
    );
  }
  if ('encryption' in json)
    throw new RecoveryError(
      'BACKUP_ENCRYPTED',
      `${where} is encrypted with ${methodOf(json.encryption)}: this version cannot read it`,
      { next: `${NEWER}. Nothing of it was touched.` },
    );
}

/** Of no use to this software, and whole for a newer one: such a thing is named, and never deleted. */
export const isOfNewer = (error: unknown): error is RecoveryError =>
  hasCode(error, 'MANIFEST_VERSION_UNKNOWN', 'BACKUP_ENCRYPTED');

/** `age`, or `{ "method": "age", … }`; what else stands there is not trusted to be short. */
function methodOf(encryption: unknown): string {
  const isObject = typeof encryption === 'object' && encryption !== null;
  const method = isObject && 'method' in encryption ? encryption.method : encryption;
  return typeof method === 'string' && /^[\w.+-]{1,40}$/.test(method) ? method : 'a method that it does not name';
}
