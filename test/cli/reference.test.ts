import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { COMMANDS } from '../../cli/commands/index.ts';
import { ERRORS } from '../../model/errors.ts';
import { FAILURE_CLASSES } from '../../model/recovery/failure-classes.ts';
import { RUNBOOK_STEPS, STEP_IDS } from '../../model/recovery/runbook.ts';
import { ERROR_ADVICE } from '../../scripts/docs/error-advice.ts';
import { failureTable } from '../../scripts/docs/failure-classes.ts';
import { commandSections, errorTable, permissionLines } from '../../scripts/docs/tables.ts';
import { aof, cutOff, data, down, look, observations, platform } from '../fixtures/observations.ts';
import { ROOMS } from '../support/arrows.ts';
import { assertGenerated } from '../support/generated-docs.ts';

const NEWER_LOG = data({ appendonly: false, aof: aof({ writtenAt: '2026-02-14T11:59:00.000Z' }) });
const ROOT = path.resolve(import.meta.dirname, '../..');

describe('the reference', () => {
  it('lists every error with its exit code, its meaning and what to do', () => assertGenerated('docs/errors.md', errorTable()));

  it('gives two errors the same exit code only where a script would do the same about them', () => {
    const byExit = Map.groupBy(Object.entries(ERRORS), ([, { exit }]) => exit);
    const shared = [...byExit.values()].filter(({ length }) => length > 1).map((all) => all.map(([code]) => code));
    assert.deepEqual(shared, [
      ['USAGE', 'CONFIG_INVALID', 'INPUT_INVALID', 'INSTANCE_UNKNOWN'],
      ['REDIS_AUTH_FAILED', 'REDIS_PERMISSION_DENIED'],
      ['REDIS_NOT_READY', 'REDIS_REFUSED'],
      ['REPLICATION_INTERRUPTED', 'REPLICATION_PROTOCOL'],
      ['RDB_CHECKSUM_MISMATCH', 'RDB_MALFORMED', 'RDB_FOREIGN'],
      ['MANIFEST_INVALID', 'MANIFEST_VERSION_UNKNOWN', 'BACKUP_ENCRYPTED'],
      ['ARCHIVE_GAP', 'ARCHIVE_CORRUPT'],
      ['LOG_FOREIGN_COMMAND', 'LOG_MALFORMED', 'LOG_REFUSED'],
      ['OBJECT_MISSING', 'OBJECT_EXISTS'],
      ['RESTORE_REFUSED', 'RESTORE_LOSS', 'CONFIG_UNSTARTABLE'],
      ['TARGET_DISK_FULL', 'TARGET_DENIED'],
      ['DATA_DIRECTORY', 'DATA_DIRECTORY_BUSY'],
      ['TEMPORAL_UNREACHABLE', 'TEMPORAL_FORGOT'],
      ['KUBERNETES_DENIED', 'KUBERNETES_MISSING', 'KUBERNETES_REFUSED'],
    ]);
  });

  it('has an advice for every error and no other', () => {
    assert.deepEqual(Object.keys(ERROR_ADVICE).sort(), Object.keys(ERRORS).sort());
  });

  it('has the whole line of permissions for each operation', () => assertGenerated('docs/permissions.md', permissionLines()));

  it('lists every command with its arguments and options', () => assertGenerated('docs/commands.md', commandSections()));

  it('has a text for every command, argument and option', () => {
    for (const { name, about, arguments: all, options } of COMMANDS) {
      for (const text of [about, ...all.map((one) => one.about), ...options.map((one) => one.about)]) assert.ok(text, name);
    }
  });

  it('lists every kind of failure with what is done about it', () => assertGenerated('docs/recovery.md', failureTable()));

  it('says of each failure what a recovery really does by itself, and what it asks', () => {
    for (const [failure, { byItself, asked, actions }] of Object.entries(FAILURE_CLASSES)) {
      const orphaned = { worker: look('read-only', { role: 'slave', primary: '10.0.0.1:6379' }), platform: platform(true) };
      const parts =
        failure === 'read-only'
          ? orphaned
          : failure === 'silent'
            ? { platform: platform(true) }
            : failure === 'newer-ignored'
              ? { ...down({ data: NEWER_LOG }), settings: { ...observations({}).settings, onDamage: 'ask' as const } }
              : failure === 'data-aside'
                ? down({ data: data({ leftBehind: [cutOff()] }) })
                : down();
      const settled = { ...observations(parts), replicas: [] };
      const planned = actions(settled);
      const written = actions({ ...settled, worker: look('serves', { keys: 5 }) });
      assert.equal(planned.some(({ ask }) => !ask), byItself !== null, failure); // biome-ignore format: one thought
      assert.equal([...planned, ...written].some(({ ask }) => ask), asked !== null, failure); // biome-ignore format: one thought
    }
  });

  it('names every step of the runbook with its criterion', async () => {
    const text = await readFile(path.join(ROOT, 'docs/recovery.md'), 'utf8');
    for (const step of STEP_IDS) {
      const { title, criterion } = RUNBOOK_STEPS[step];
      assert.ok(text.includes(`| ${title} (\`${step}\`) | ${criterion} |`), step);
    }
  });

  it('has an architecture page that names every room and every workflow', async () => {
    const text = await readFile(path.join(ROOT, 'docs/architecture.md'), 'utf8');
    for (const room of Object.keys(ROOMS)) assert.ok(text.includes(`[${room}/](../${room})`), room);
    const index = await readFile(path.join(ROOT, 'workflows/index.ts'), 'utf8');
    for (const [, names = ''] of index.matchAll(/export \{ ([^}]+) \}/g))
      for (const name of names.split(', ')) assert.ok(text.includes(`\`${name}\``), name);
  });
});
