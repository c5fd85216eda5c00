import type { DataSigns } from './observations.ts';

/** Nothing would be loaded at the next start. */
export function startsEmpty({ appendonly, aof, rdb }: DataSigns): boolean {
  return appendonly ? !aof || aof.files === 0 || aof.manifest !== 'present' : rdb === undefined;
}

export const ignoresRdb = (data: DataSigns): boolean => data.appendonly && startsEmpty(data) && data.rdb !== undefined;
