import { RecoveryError } from '../model/errors.ts';
import type { ControlPart, FilesPart, ProtectedInstance } from './world.ts';

/** @throws RecoveryError `PLATFORM_UNSUPPORTED` for an instance that nobody here can start and end */
export const requireControl = ({ name, control }: ProtectedInstance): ControlPart => {
  if (control) return control;
  throw unsupported(name);
};

/** @throws RecoveryError `PLATFORM_UNSUPPORTED` for an instance whose files we can't reach */
export const requireFiles = ({ name, files }: ProtectedInstance): FilesPart => {
  if (files) return files;
  throw unsupported(name);
};

const unsupported = (name: string) =>
  new RecoveryError('PLATFORM_UNSUPPORTED', `${name} is on platform external: it cannot be stopped, nor its files replaced`, {
    next: `Configure instances.${name}.platform as type process on the machine that Redis runs on.`,
  });
