import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { inspect } from 'node:util';
import { messageOf, RecoveryError } from '../model/errors.ts';

/** Where a secret is: the configuration never holds the secret itself. A relative file is beside the configuration file. */
export type SecretRef = { env: string } | { file: string };

/** What stands in logs and messages instead of a secret. */
export const REDACTED = '[secret]';

/** Where a reference stands, for messages: `redis-backup.yaml:12: instances.main.password`. */
export interface SecretPlace {
  at: string;
  /** Folder of the configuration file. */
  directory: string;
}

const refuse = (place: SecretPlace, message: string, next: string): never => {
  throw new RecoveryError('CONFIG_INVALID', `${place.at} ${message}`, { next });
};

/**
 * Reads a secret from where the reference points. One line end at its end is dropped, as editors and `kubectl` leave one.
 * @throws RecoveryError `CONFIG_INVALID` when it isn't there or is empty; names the reference and never the secret
 */
export async function resolveSecret(ref: SecretRef, place: SecretPlace, env: NodeJS.ProcessEnv = process.env): Promise<string> {
  if ('env' in ref) {
    return (
      env[ref.env] ||
      refuse(
        place,
        `refers to the environment variable ${ref.env}, which is ${env[ref.env] === '' ? 'empty' : 'not set'}`,
        `Set ${ref.env} for this process, refer to a file with {file: /path}, or leave the field out where none is needed.`,
      )
    );
  }
  const file = path.resolve(place.directory, ref.file);
  const text = await readFile(file, 'utf8').catch((error: unknown) =>
    refuse(
      place,
      `refers to the file ${file}, which cannot be read: ${messageOf(error)}`,
      `Put the secret into ${file}, readable for this user.`,
    ),
  );
  const secret = text.replace(/\r?\n$/, '');
  return secret || refuse(place, `refers to the file ${file}, which is empty`, `Put the secret into ${file}.`);
}

/**
 * Makes accidents harmless: `JSON.stringify` and `util.inspect` (so `console.log`, loggers and Temporal's payload
 * converter too) show `[secret]` for the named fields, while code reads and spreads the object as usual.
 */
export function hideSecrets<T extends object>(object: T, fields: readonly (keyof T)[]): T {
  const shown = () =>
    Object.fromEntries(
      Object.entries(object).map(([name, value]) => [
        name,
        value !== undefined && fields.includes(name as keyof T) ? REDACTED : value,
      ]),
    );
  return Object.defineProperties(object, {
    toJSON: { value: shown, enumerable: false },
    [inspect.custom]: { value: shown, enumerable: false },
  });
}
