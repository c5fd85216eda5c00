import { DEFAULT_DATA_CLASSES } from '../../model/data-class.ts';
import { createRdbReader, type RdbReaderOptions, type RdbReading } from '../../redis/rdb/reader.ts';

/** Reads an RDB that is all there, in chunks of the sizes given, over and over; default: in one piece. */
export function readRdb(
  rdb: Buffer,
  { sizes, ...options }: Partial<RdbReaderOptions> & { sizes?: readonly number[] } = {},
): RdbReading {
  const reader = createRdbReader({ classes: DEFAULT_DATA_CLASSES, takenAtMs: 0, ...options });
  let at = 0;
  for (let turn = 0; at < rdb.length; turn++) {
    const size = sizes?.[turn % sizes.length] ?? rdb.length;
    reader.write(rdb.subarray(at, at + size));
    at += size;
  }
  return reader.end();
}
