import type { Config } from '../../config/config.ts';
import { RecoveryError } from '../../model/errors.ts';
import type { CommandContext } from '../command.ts';
import { failureOf } from '../output/output.ts';

/** What one check found. */
export interface Finding {
  level: 'ok' | 'warning' | 'failed';
  /** What was looked at, such as `permissions`: the same in every version. */
  check: string;
  /** Absent: it is about the whole installation. */
  instance?: string;
  message: string;
  /** What to do; always there unless all is well. */
  next?: string;
}

/** What the checks may use. */
export interface CheckContext extends Pick<CommandContext, 'repository' | 'temporal' | 'now'> {
  config: Config;
  /** Put right what can be put right without asking. */
  apply: boolean;
}

export const ok = (check: string, message: string): Finding => ({ level: 'ok', check, message });
export const warning = (check: string, message: string, next: string): Finding => ({ level: 'warning', check, message, next });
export const failed = (check: string, message: string, next: string): Finding => ({ level: 'failed', check, message, next });

/** Runs one check; an error that it meets is what it found, and no reason not to make the others. */
export async function findings(check: string, look: () => Promise<Finding | readonly Finding[]>): Promise<Finding[]> {
  try {
    return [await look()].flat();
  } catch (error) {
    if (!(error instanceof RecoveryError)) throw error;
    const { code, message, next } = failureOf(error);
    return [failed(check, `${code}: ${message}`, next)];
  }
}
