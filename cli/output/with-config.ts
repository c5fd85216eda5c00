import { resolve } from 'node:path';
import { RecoveryError } from '../../model/errors.ts';
import type { Output, ShownStatus } from './output.ts';

export interface PrintedCommands {
  /** As it was given by --config. */
  configFile: string;
  /** Names of all commands: `redis-backup keeps` is none. */
  names: readonly string[];
}

/**
 * The door through which everything goes that a person reads: each command in it, whoever wrote the text, has the
 * configuration that this call was given, or it would, pasted, be of another environment. Results in JSON stay as they are.
 */
export function withConfig(output: Output, printed: PrintedCommands): Output {
  const complete = completing(printed);
  return {
    status: (status) => output.status(completeStatus(status, complete)),
    page: ({ text, notes, json }) => output.page({ text: complete(text), notes: notes.map(complete), json }),
    note: (message) => output.note(complete(message)),
    result: (result, text) => output.result(result, complete(text)),
    failure: (error) => output.failure(completeError(error, complete)),
  };
}

/** Puts the configuration into every command of a text that has none. */
export function completing({ configFile, names }: PrintedCommands): (text: string) => string {
  const option = ` --config ${shellWord(resolve(configFile))}`;
  const command = new RegExp(
    `(?<![\\w./-])redis-backup (?:${names.join('|')})(?![\\w-])(?! --help)(?![^\\n\`]* --config[ =])`,
    'g',
  );
  return (text) => text.replace(command, (found) => found + option);
}

function completeStatus(status: ShownStatus, complete: (text: string) => string): ShownStatus {
  const { note, problem, question, blocked } = status;
  return {
    ...status,
    ...(note === undefined ? {} : { note: complete(note) }),
    ...(problem === undefined ? {} : { problem: complete(problem) }),
    ...(question === undefined ? {} : { question: complete(question) }),
    ...(blocked === undefined ? {} : { blocked: { ...blocked, next: complete(blocked.next) } }),
  };
}

function completeError(error: unknown, complete: (text: string) => string): unknown {
  if (!(error instanceof RecoveryError)) return error;
  const { code, message, next, cause } = error;
  return new RecoveryError(code, complete(message), { next: complete(next), cause });
}

/** One word for a POSIX shell. */
const shellWord = (text: string): string => (/^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
