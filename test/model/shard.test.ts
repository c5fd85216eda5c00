import assert from 'node:assert/strict';
import { shardName, theShard } from '../../model/shard.ts';

const one = { name: 'main', shards: [{ id: '0' }] };
const two = { name: 'main', shards: [{ id: '0' }, { id: '1' }] };

describe('a shard of an instance', () => {
  it('need not be named where there is one', () => {
    assert.equal(theShard(one, undefined).id, '0');
  });

  it('is never assumed where there are several', () => {
    assert.throws(() => theShard(two, undefined), {
      code: 'INPUT_INVALID',
      message: 'main has several shards',
      next: 'Name one of its shards: main/0 and main/1.',
    });
    assert.equal(theShard(two, '1').id, '1');
  });

  it('that is not there is refused by name', () => {
    assert.throws(() => theShard(one, '7'), { code: 'INPUT_INVALID', message: 'main has no shard "7"', next: /: main\/0\.$/ });
  });

  it('is called by the name of its instance while it is the only one', () => {
    assert.equal(shardName({ instance: 'main', shard: '0' }, 1), 'main');
    assert.equal(shardName({ instance: 'main', shard: '0' }, 2), 'main/0');
  });
});
