import type { CommandSpec } from '../command.ts';
import { adoptCommand } from './adopt.ts';
import { archiveCommand } from './archive.ts';
import { backupCommand } from './backup.ts';
import { checkCommand } from './check.ts';
import { cloneCommand } from './clone.ts';
import { findDestructiveCommand } from './find-destructive.ts';
import { importCommand } from './import.ts';
import { leftoversCommand } from './leftovers.ts';
import { listCommand } from './list.ts';
import { recoverCommand } from './recover.ts';
import { removeCommand } from './remove.ts';
import { restoreCommand } from './restore.ts';
import { retentionCommand } from './retention.ts';
import { schedulesCommand } from './schedules.ts';
import { showCommand } from './show.ts';
import { statusCommand } from './status.ts';
import { watchCommand } from './watch.ts';
import { workerCommand } from './worker.ts';

/** Every command, in the order of `--help`. */
export const COMMANDS: readonly CommandSpec[] = [
  checkCommand,
  backupCommand,
  archiveCommand,
  watchCommand,
  listCommand,
  showCommand,
  statusCommand,
  recoverCommand,
  restoreCommand,
  findDestructiveCommand,
  cloneCommand,
  importCommand,
  leftoversCommand,
  retentionCommand,
  adoptCommand,
  schedulesCommand,
  removeCommand,
  workerCommand,
];
