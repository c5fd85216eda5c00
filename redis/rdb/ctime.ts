const KEY = Buffer.from('\xfa\x05ctime', 'latin1');

/**
 * The time at which an RDB was begun, seconds since 1970 by the server's clock, from the AUX field in its first bytes.
 * Undefined when it isn't there.
 * @see redis 7.0.15 src/rdb.c, rdbSaveInfoAuxFields
 */
export function rdbCreationSeconds(head: Buffer): number | undefined {
  const at = head.indexOf(KEY);
  if (at < 0) return undefined;
  const value = head.subarray(at + KEY.length);
  const kind = value[0] ?? 0;
  if (kind === 0xc2 && value.length >= 5) return value.readUInt32LE(1); // a number of 32 bits: until 2038
  const text = kind < 0x40 ? value.toString('latin1', 1, 1 + kind) : '';
  return /^\d+$/.test(text) ? Number(text) : undefined;
}
