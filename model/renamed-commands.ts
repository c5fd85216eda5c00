/**
 * As a log has them, by what is typed in capitals: real names.
 * @param commands - by their real names, what they are called on the server; empty: disabled
 */
export const realNames = (commands: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(commands)
      .filter(([, typed]) => typed !== '')
      .map(([real, typed]) => [typed.toUpperCase(), real.toUpperCase()]),
  );

/** Of a continuous log: what it was told goes before what redis.conf says, where that can be read. */
export async function withNamesOfConf<T extends { renamedCommands: Readonly<Record<string, string>> }>(
  archive: T,
  conf: () => Promise<{ commands: Readonly<Record<string, string>> }>,
): Promise<T> {
  const known = await conf().catch(() => undefined);
  return known ? { ...archive, renamedCommands: { ...realNames(known.commands), ...archive.renamedCommands } } : archive;
}
