import { type CheckWorld, type Finding, findings, ok, warning } from './finding.ts';

/** Backups can be written, read back, listed and deleted; and whether anybody who gets at them can read them. */
export const checkRepository = ({ repository, config }: CheckWorld): Promise<Finding[]> =>
  findings('repository', async () => {
    const { store, ...opened } = await repository().then((one) => ({
      store: one.store,
      probeWritable: () => one.probeWritable(),
    }));
    await opened.probeWritable();
    const sensitive = Object.values(config.instances).flatMap(({ name, dataClasses }) =>
      dataClasses.filter((one) => one.sensitive).map((one) => `${one.name} of ${name}`),
    );
    const found = [ok('repository', `${store.url} can be written, read, listed and deleted`)];
    if (sensitive.length === 0) return found;
    return [
      ...found,
      warning(
        'encryption',
        `live credentials (${sensitive.join(', ')}) are stored without encryption by us: who can read ${store.url} can use them`,
        'Encryption by redis-backup is not available in this version: let the store encrypt (SSE-KMS, an encrypted disk), allow few people to read it, and keep backups for a short time.',
      ),
    ];
  });
