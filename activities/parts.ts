import type { PersistencePolicy } from '../model/backup/manifest.ts';
import { RecoveryError } from '../model/errors.ts';
import type { DataLayout, Files } from '../platforms/platform.ts';
import type { ControlPart, FilesPart, ProtectedInstance } from './dependencies.ts';

type Managed = Pick<ProtectedInstance, 'name' | 'control' | 'files'>;

/** @throws RecoveryError `PLATFORM_UNSUPPORTED` for an instance that nobody here can start and end */
export const requireControl = ({ name, control }: Omit<Managed, 'files'>): ControlPart => {
  if (control) return control;
  throw unsupported(name);
};

/** @throws RecoveryError `PLATFORM_UNSUPPORTED` for an instance whose files we can't reach */
export const requireFiles = ({ name, files }: Omit<Managed, 'control'>): FilesPart => {
  if (files) return files;
  throw unsupported(name);
};

/**
 * The data directory, for whoever works on one machine alone.
 * @param host - the name of this machine
 * @throws RecoveryError `PLATFORM_UNSUPPORTED` where the Redis is not run from here, or its files are not reached from here
 */
export async function filesAtHand(instance: Managed, host: string): Promise<Files> {
  const control = requireControl(instance);
  const files = requireFiles(instance);
  const away = [control, files].find(({ isAtHand }) => !isAtHand);
  if (away === undefined) return files.open(await control.open().dataLayout());
  const what = away === control ? 'runs' : 'has its files';
  throw new RecoveryError('PLATFORM_UNSUPPORTED', `${instance.name} ${what} ${away.where}, and this is ${host}`, {
    next: `Run this ${away.where}.`,
  });
}

/**
 * The data directory that a Redis says it has, as it is reached from here: what it runs with may be another than its redis.conf.
 * @throws RecoveryError `PLATFORM_UNSUPPORTED` where it does not say so, or its files are not reached
 */
export function filesThatItNames(target: Omit<Managed, 'control'>, policy: PersistencePolicy): DataLayout {
  const files = requireFiles(target);
  const { dir, dbfilename, appenddirname, appendfilename } = policy;
  if (dir === '') throw untold(target.name);
  return files.open({ dir, dbfilename, appenddirname, appendfilename, appendonly: policy.appendonly === 'yes' }).layout;
}

const untold = (name: string) =>
  new RecoveryError(
    'PLATFORM_UNSUPPORTED',
    `${name} does not say where its data is: CONFIG GET is disabled, or has another name`,
    {
      next: `Name it by its \`commands\`, or use backup.method replication, which needs no files.`,
    },
  );

const unsupported = (name: string) =>
  new RecoveryError('PLATFORM_UNSUPPORTED', `${name} is on platform external: it cannot be stopped, nor its files replaced`, {
    next: `Configure its \`platform\` as type process on the machine that Redis runs on.`,
  });
