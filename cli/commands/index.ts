import type { CommandSpec } from '../command.ts';
import { adopt } from './adopt.ts';
import { archive } from './archive.ts';
import { backup } from './backup.ts';
import { check } from './check.ts';
import { clone } from './clone.ts';
import { findDestructiveCommand } from './find-destructive.ts';
import { importCommand } from './import.ts';
import { leftovers } from './leftovers.ts';
import { list } from './list.ts';
import { recover } from './recover.ts';
import { remove } from './remove.ts';
import { restore } from './restore.ts';
import { retention } from './retention.ts';
import { schedules } from './schedules.ts';
import { show } from './show.ts';
import { status } from './status.ts';
import { watch } from './watch.ts';
import { worker } from './worker.ts';

/** Every command, in the order of `--help`. */
export const COMMANDS: readonly CommandSpec[] = [
  check,
  backup,
  archive,
  watch,
  list,
  show,
  status,
  recover,
  restore,
  findDestructiveCommand,
  clone,
  importCommand,
  leftovers,
  retention,
  adopt,
  schedules,
  remove,
  worker,
];
