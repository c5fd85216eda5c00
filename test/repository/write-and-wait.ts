// A worker that is about to be killed: writes a snapshot, says where it is, and stays there.
import { randomBytes } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { Repository } from '../../repository/repository.ts';
import { openStore } from '../support/open-store.ts';

const { location, ref, stage } = JSON.parse(await text(process.stdin));
const repository = new Repository(openStore(location));
/** More than two parts of an S3 upload, so that one is stored for sure. */
async function* rdb(): AsyncGenerator<Buffer> {
  for (let i = 0; i < 40; i++) yield randomBytes(1024 * 1024);
  if (stage === 'during the upload') await standStill('uploading');
}

async function standStill(where: string): Promise<void> {
  console.log(where);
  await new Promise((resolve) => setTimeout(resolve, 60_000));
}

await repository.snapshots(ref).write(ref, rdb());
await standStill('uploaded');
