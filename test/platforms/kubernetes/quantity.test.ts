import assert from 'node:assert/strict';
import { bytesOf } from '../../../platforms/kubernetes/quantity.ts';

describe('A quantity of Kubernetes', () => {
  it('is bytes, by powers of ten and of two', () => {
    const texts = ['512Mi', '2G', '1.5Gi', '1e9', '128974848', '129e6', '1000m', '', 'much', undefined];
    assert.deepEqual(texts.map(bytesOf), [
      536_870_912,
      2e9,
      1_610_612_736,
      1e9,
      128_974_848,
      129e6,
      1,
      undefined,
      undefined,
      undefined,
    ]);
  });
});
