import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Crc64, crc64 } from '../../../redis/rdb/crc64.ts';

/** Bit by bit, as the definition has it: Jones' polynomial reversed, start 0, no final xor. */
function bitByBit(bytes: Uint8Array): bigint {
  let crc = 0n;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = (crc >> 1n) ^ (crc & 1n ? 0x95ac9329ac4bc9b5n : 0n);
  }
  return crc;
}

describe('CRC64', () => {
  it('has the check value that Redis names in its own self-test', () => {
    assert.equal(crc64(Buffer.from('123456789')), 0xe9c6d914c4b8d9can);
  });

  it('is the same as by the definition, however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 8 }), (parts) => {
        const crc = new Crc64();
        for (const part of parts) crc.update(part);
        assert.equal(crc.value, bitByBit(Buffer.concat(parts)));
      }),
    );
  });

  it('can be computed of two streams at once', () => {
    const [one, other] = [new Crc64(), new Crc64()];
    for (const part of ['1234', '56789']) {
      one.update(Buffer.from(part));
      other.update(Buffer.from('x'));
    }
    assert.deepEqual([one.value, other.value], [0xe9c6d914c4b8d9can, bitByBit(Buffer.from('xx'))]);
  });

  it('takes chunks larger than its own memory', () => {
    const bytes = Buffer.alloc(600_001, 'redis');
    const halves = new Crc64();
    halves.update(bytes.subarray(0, 300_000));
    halves.update(bytes.subarray(300_000));
    assert.equal(crc64(bytes), halves.value);
    assert.equal(crc64(bytes), bitByBit(bytes));
  });
});
