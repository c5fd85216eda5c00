import { crc64 } from '../../redis/rdb/crc64.ts';

/** Writes RDBs piece by piece, also such as no server here can write. */

export const length = (value: number): Buffer => {
  if (value < 64) return Buffer.from([value]);
  if (value < 16_384) return Buffer.from([0x40 | (value >> 8), value & 0xff]);
  const bytes = Buffer.alloc(9);
  bytes[0] = 0x81;
  bytes.writeBigUInt64BE(BigInt(value), 1);
  return bytes;
};

export const long = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(9);
  bytes[0] = 0x81;
  bytes.writeBigUInt64BE(value, 1);
  return bytes;
};

export const text = (value: string | Buffer): Buffer => {
  const bytes = Buffer.from(value);
  return Buffer.concat([length(bytes.length), bytes]);
};

export const byte = (...values: number[]): Buffer => Buffer.from(values);
export const zeros = (count: number): Buffer => Buffer.alloc(count);

export const milliseconds = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(value));
  return bytes;
};

/** A key of some type with its value. */
export const key = (type: number, name: string | Buffer, ...value: Buffer[]): Buffer =>
  Buffer.concat([byte(type), text(name), ...value]);
export const expiring = (atMs: number, record: Buffer): Buffer => Buffer.concat([byte(252), milliseconds(atMs), record]);
export const aux = (name: string, value: string): Buffer => Buffer.concat([byte(250), text(name), text(value)]);
export const database = (db: number, keys?: number): Buffer =>
  Buffer.concat([byte(254), length(db), ...(keys === undefined ? [] : [byte(251), length(keys), length(0)])]);

/** The 64-bit id of a module's data type. */
export function moduleId(name: string, version = 0): Buffer {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const bits = [...name].reduce((sum, letter) => (sum << 6n) | BigInt(letters.indexOf(letter)), 0n);
  return long((bits << 10n) | BigInt(version));
}

/** Header, records, end mark, and the CRC64 of it all; `trailer` overrides the latter. */
export function rdb(header: string, records: Buffer[], trailer?: bigint): Buffer {
  const body = Buffer.concat([Buffer.from(header), ...records, byte(255)]);
  const end = Buffer.alloc(8);
  end.writeBigUInt64LE(trailer ?? crc64(body));
  return Buffer.concat([body, end]);
}
