import type { DataObservations } from './observations.ts';

/** Nothing would be loaded at the next start. */
export function startsEmpty({ appendonly, aof, rdb }: DataObservations): boolean {
  return appendonly ? !aof || aof.files === 0 || aof.manifest !== 'present' : rdb === undefined;
}

export const ignoresRdb = (data: DataObservations): boolean => data.appendonly && startsEmpty(data) && data.rdb !== undefined;
