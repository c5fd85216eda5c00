import { addressesOf } from '../../activities/recovery/known-history.ts';
import type { InstanceShard } from '../../config/config.ts';
import { resolveShard, resolveWebhookToken } from '../../config/resolve.ts';
import type { HealthReport, RedisFacts } from '../../model/health-report.ts';
import { type KnownHistory, whyNotReplica } from '../../model/recovery/replicas.ts';
import type { RecoverySettings } from '../../model/recovery/settings.ts';
import { withoutStop } from '../../model/recovery/text.ts';
import { isPrimaryWithData, twinAdvice, twinOf, twinText } from '../../model/recovery/twins.ts';
import { lookAtAuthenticationRate } from '../../probes/authentication-rate.ts';
import type { RedisClient } from '../../redis/client/client.ts';
import { factsOf } from '../../redis/health/facts.ts';
import { checkHealth } from '../../redis/health/health.ts';
import { neighbour } from '../../redis/roles.ts';
import { type CheckContext, type Finding, failed, findings, ok, warning } from './finding.ts';

const LOOK_MS = 2_500;

/** What a recovery will ask at 3 a.m. answers now: the replicas that are named, and the source of the rate of sign-ins. */
export async function checkRecoverySources(
  world: CheckContext,
  instance: InstanceShard,
  client: RedisClient | undefined,
): Promise<Finding[]> {
  const { recovery } = instance;
  return [
    ...(recovery.replicas.length > 0 ? await findings('replicas', () => checkReplicas(world, instance, client)) : []),
    ...(await findings('sign-ins', () => checkSignIns(recovery))),
  ];
}

async function checkReplicas(
  { config }: CheckContext,
  { recovery, ...of }: InstanceShard,
  client: RedisClient | undefined,
): Promise<Finding[]> {
  const { connection } = await resolveShard(config, of);
  const own = client && factsOf(await client.info());
  const known = own && knownOf(own, await addressesOf(connection));
  return Promise.all(
    recovery.replicas.map(async (address) =>
      judgeReplica(of.name, await checkHealth(neighbour(connection, address), { withinMs: LOOK_MS }), { address, own, known }),
    ),
  );
}

const knownOf = ({ replid, replid2 }: RedisFacts, addresses: string[]): KnownHistory => ({
  addresses,
  replids: replid2 === undefined ? [replid] : [replid, replid2],
  current: replid,
});

/** What is known of the instance; `own` and `known` are absent while it does not answer. */
interface Named {
  address: string;
  own: RedisFacts | undefined;
  known: KnownHistory | undefined;
}

function judgeReplica(instance: string, { detail, facts }: HealthReport, { address, own, known }: Named): Finding {
  if (!facts) {
    return warning(
      'replicas',
      `${address} of recovery.replicas does not answer: ${detail}`,
      'Correct the address, or its user and password, which must be those of the instance; or take it off the list.',
    );
  }
  const why = known && whyNotReplica(address, facts, known);
  if (own?.role === 'master' && why === undefined && isPrimaryWithData(facts)) {
    const twin = twinOf(address, facts, own);
    return failed('replicas', withoutStop(twinText(instance, own, twin)), twinAdvice(instance, twin));
  }
  const what = facts.role === 'master' ? 'is a primary' : why;
  if (what === undefined) return ok('replicas', `${address} is a replica with ${facts.keys} keys`);
  return warning(
    'replicas',
    `${address} of recovery.replicas ${what}: nothing proves that it has a copy of this data`,
    'Name replicas of this very Redis: a recovery may propose one of them as its successor.',
  );
}

async function checkSignIns({ authentication }: RecoverySettings): Promise<Finding[]> {
  if (!authentication) return [];
  const look = await lookAtAuthenticationRate(authentication);
  if ('perSecond' in look) return [ok('sign-ins', `${look.perSecond} authentication requests a second now`)];
  return [
    warning(
      'sign-ins',
      `the rate of authentication requests is not known: ${look.why}`,
      'Correct recovery.authentication: until then a recovery forecasts the spike of sign-ins, and cannot watch it.',
    ),
  ];
}

/** Where alerts are taken, they are let in, and somebody does something with them. */
export const checkWebhook = ({ config }: CheckContext): Promise<Finding[]> =>
  findings('webhook', async () => {
    const { webhook } = config.worker;
    if (!webhook) return [];
    await resolveWebhookToken(config);
    const watched = Object.values(config.instances).filter(({ watch }) => watch !== undefined);
    if (watched.length > 0) return ok('webhook', `alerts are taken on ${webhook.host}:${webhook.port}`);
    return failed(
      'webhook',
      'worker.webhook takes alerts, and no instance has `watch`: they do nothing',
      'Add `watch: {}` to the instances that alerts may recover, or remove worker.webhook.',
    );
  });
