import { basename } from 'node:path';
import { RecoveryError } from '../model/errors.ts';
import type { DataLayout } from './platform.ts';

/** Everything that redis-backup keeps inside a data directory is under this name, because a rename needs one file system. */
export const WORK_DIRECTORY = '.redis-backup';

const FILE_DIRECTIVES = ['dbfilename', 'appenddirname', 'appendfilename'] as const;

/** True for a name that stays inside its directory: no slash, no `..`, no NUL. */
export const isBaseName = (name: string): boolean =>
  name !== '' && name !== '.' && name !== '..' && !name.includes('\0') && !name.includes('\\') && basename(name) === name;

/**
 * Refuses names that would lead out of the directory. Redis refuses them, too; but a layout may come from a workflow input.
 * @throws RecoveryError `CONFIG_INVALID`, naming the directive
 */
export function checkLayout(layout: DataLayout): DataLayout {
  if (!layout.dir.startsWith('/')) throw invalid('dir', layout.dir, 'an absolute path');
  for (const directive of FILE_DIRECTIVES) {
    const name = layout[directive];
    if (!isBaseName(name)) throw invalid(directive, name, 'a plain file name without a slash');
    if (name === WORK_DIRECTORY) throw invalid(directive, name, `another name; redis-backup uses ${WORK_DIRECTORY} itself`);
  }
  if (new Set(FILE_DIRECTIVES.map((directive) => layout[directive])).size < FILE_DIRECTIVES.length) {
    throw invalid('appendfilename', layout.appendfilename, 'a name that neither dbfilename nor appenddirname has');
  }
  return layout;
}

const invalid = (directive: string, value: string, allowed: string) =>
  new RecoveryError('CONFIG_INVALID', `${directive} of Redis is ${JSON.stringify(value)}; it must be ${allowed}`, {
    next: `Correct ${directive} in the configuration file of Redis.`,
  });
