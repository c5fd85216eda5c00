import { RecoveryError } from '../model/errors.ts';
import type { Files } from '../platforms/platform.ts';
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
  const what = away === control ? 'is run' : 'has its files';
  throw new RecoveryError('PLATFORM_UNSUPPORTED', `${instance.name} ${what} ${away.where}, and this is ${host}`, {
    next: `Run this ${away.where}.`,
  });
}

const unsupported = (name: string) =>
  new RecoveryError('PLATFORM_UNSUPPORTED', `${name} is on platform external: it cannot be stopped, nor its files replaced`, {
    next: `Configure instances.${name}.platform as type process on the machine that Redis runs on.`,
  });
