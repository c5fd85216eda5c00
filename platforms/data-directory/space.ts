import { join } from 'node:path';
import { WORK_DIRECTORY } from '../data-layout.ts';
import type { DataLayout } from '../platform.ts';
import { bytesUnder, type FileSystem, realDirectory, realFileSystem, translated } from './files.ts';

import { fileOwnerOf } from './owner.ts';
import { decisiveNames, obstaclesOf, survey } from './survey.ts';

export interface SpaceReport {
  /** What the user of the worker may still write. */
  freeBytes: number;
  totalBytes: number;
  /** Data files that Redis has now. */
  dataBytes: number;
  /** Old data, staged data and leftovers of earlier operations. */
  keptBytes: number;
  /** Whether the data files can be moved aside by renames. */
  sameFileSystem: boolean;
  /** Why a restore could not work in this directory, one sentence each. */
  obstacles: string[];
}

/** Measures the data directory and looks for what would stop a restore. Changes nothing. */
export async function spaceReport(layout: DataLayout, files: FileSystem = realFileSystem): Promise<SpaceReport> {
  try {
    const dir = await realDirectory(files, layout.dir);
    const { bavail, bsize, blocks } = await files.statfs(dir);
    const obstacles = await obstaclesOf(files, dir, layout);
    return {
      freeBytes: bavail * bsize,
      totalBytes: blocks * bsize,
      dataBytes: (await survey(files, dir, layout)).reduce((sum, { bytes }) => sum + bytes, 0),
      keptBytes: await bytesUnder(files, join(dir, WORK_DIRECTORY)),
      sameFileSystem: obstacles.length === 0,
      obstacles: [...obstacles, ...(await permissionObstacles(files, dir, layout))],
    };
  } catch (error) {
    throw translated(error, layout.dir);
  }
}

async function permissionObstacles(files: FileSystem, dir: string, layout: DataLayout): Promise<string[]> {
  const uid = process.getuid?.() ?? 0;
  if (uid === 0) return [];
  const owner = await fileOwnerOf(files, dir, decisiveNames(layout));
  if (owner.uid === uid) return [];
  return [`the data in ${dir} belongs to user ${owner.uid}, and the worker, user ${uid}, cannot give files to it`];
}
