import { access, constants } from 'node:fs/promises';
import { delimiter, dirname, resolve } from 'node:path';
import { messageOf } from '../../model/errors.ts';
import { inheritedEnvironment } from '../host/inherited-environment.ts';
import { isExecutable } from '../throwaway/server-binary.ts';
import type { StartObstacle } from './starter.ts';

interface Beginning {
  command: readonly string[];
  cwd: string;
  env?: Readonly<Record<string, string>>;
  outputFile: () => Promise<string>;
}

/** Why a command could not even begin, looked at as it would be begun. Changes nothing. */
export async function obstacleOf({
  command: [program = ''],
  cwd,
  env,
  outputFile,
}: Beginning): Promise<StartObstacle | undefined> {
  if (!(await canBeRun(program, cwd, env)))
    return {
      why: `what starts it, ${program}, is not there or cannot be run`,
      next: 'Correct platform.start.command in redis-backup.yaml, or install what it names.',
    };
  const output = await outputFile();
  const refused = await whyNotWritten(output);
  return refused === undefined
    ? undefined
    : {
        why: `what it prints goes to ${output}, which the worker cannot write, and so it is not started: ${refused}`,
        next: 'Let the user of the worker write there, or name another file by platform.start.logFile.',
      };
}

async function canBeRun(program: string, cwd: string, env: NodeJS.ProcessEnv = {}): Promise<boolean> {
  const path = { ...inheritedEnvironment(), ...env }.PATH ?? '';
  const places = program.includes('/') ? [''] : path.split(delimiter);
  const found = await Promise.all(places.map((place) => isExecutable(resolve(cwd, place, program))));
  return found.includes(true);
}

/** The file, else where it would be made; its directory is made, too, and none above that. */
async function whyNotWritten(file: string): Promise<string | undefined> {
  const { R_OK, W_OK, X_OK } = constants;
  for (const [path, mode] of [
    [file, R_OK | W_OK] as const,
    ...[dirname(file), dirname(dirname(file))].map((one) => [one, W_OK | X_OK] as const),
  ]) {
    const error = await access(path, mode).then(
      () => undefined,
      (failed: NodeJS.ErrnoException) => failed,
    );
    if (error?.code !== 'ENOENT') return error && messageOf(error);
  }
  return `${dirname(dirname(file))} does not exist`;
}
