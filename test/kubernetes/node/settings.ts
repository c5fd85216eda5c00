import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What `build` made. */
export const BIN = fileURLToPath(new URL('../../../.cache/kubernetes/bin', import.meta.url));

/** The node's address, on a bridge of its own network namespace: pods reach what listens there. */
export const NODE_ADDRESS = '10.231.0.1';
const SERVICE_ADDRESSES = '10.232.0.0/24';
const POD_ADDRESSES = '10.233.0.0/24';
export const NODE_NAME = 'node1';
export const PAUSE_IMAGE = 'localhost/pause:1';

/** Where the parts of a node keep their things, in a directory of its own. */
export const pathsIn = (dir: string) => ({
  kubeconfig: join(dir, 'kubeconfig'),
  containerd: join(dir, 'containerd.toml'),
  containerdSocket: join(dir, 'run/containerd.sock'),
  network: join(dir, 'cni/pods.conflist'),
  kubelet: join(dir, 'kubelet.json'),
  proxy: join(dir, 'proxy.json'),
  dns: join(dir, 'Corefile'),
  tokens: join(dir, 'pki/tokens.csv'),
  signingKey: join(dir, 'pki/service-accounts.key'),
  volumes: join(dir, 'volumes'),
  run: join(dir, 'run'),
});

const json = (value: object): string => JSON.stringify(value, undefined, 2);

/** The configuration files of a node, by path. All that reads YAML reads JSON. */
export function configuration(dir: string): Record<string, string> {
  const paths = pathsIn(dir);
  return {
    [paths.kubeconfig]: json({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'test', cluster: { server: `https://${NODE_ADDRESS}:6443`, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'admin', user: { token: 'admin-token' } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
      'current-context': 'test',
    }),
    [paths.tokens]: 'admin-token,admin,admin,system:masters\n',
    [paths.containerd]: containerdConfig(dir),
    [paths.network]: json({
      cniVersion: '1.0.0',
      name: 'pods',
      plugins: [
        {
          type: 'bridge',
          bridge: 'pods0',
          isGateway: true,
          hairpinMode: true,
          ipMasq: false,
          ipam: {
            type: 'host-local',
            dataDir: join(dir, 'cni/addresses'),
            ranges: [[{ subnet: POD_ADDRESSES }]],
            routes: [{ dst: '0.0.0.0/0' }],
          },
        },
      ],
    }),
    [paths.kubelet]: json({
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      kind: 'KubeletConfiguration',
      failCgroupV1: false,
      cgroupDriver: 'cgroupfs',
      containerRuntimeEndpoint: `unix://${paths.containerdSocket}`,
      authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
      authorization: { mode: 'AlwaysAllow' },
      clusterDNS: [NODE_ADDRESS],
      clusterDomain: 'cluster.local',
      resolvConf: '',
      failSwapOn: false,
      imageGCHighThresholdPercent: 100,
      enforceNodeAllocatable: [],
      localStorageCapacityIsolation: false,
    }),
    [paths.proxy]: json({
      apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
      kind: 'KubeProxyConfiguration',
      mode: 'nftables',
      hostnameOverride: NODE_NAME,
      clusterCIDR: POD_ADDRESSES,
      clientConnection: { kubeconfig: paths.kubeconfig },
      conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' }, // its limits are the host's
      healthzBindAddress: '',
      metricsBindAddress: '',
    }),
    [paths.dns]: `.:53 {
  bind ${NODE_ADDRESS}
  errors
  kubernetes cluster.local in-addr.arpa {
    kubeconfig ${paths.kubeconfig}
    ttl 0
  }
}
`,
  };
}

/** `restrict_oom_score_adj`: without CAP_SYS_RESOURCE the kernel refuses a score below our own. */
const containerdConfig = (dir: string): string => `version = 2
root = "${dir}/containerd"
state = "${dir}/run/containerd"
[grpc]
  address = "${pathsIn(dir).containerdSocket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${dir}/cni"
`;

/** The programs of a node in the order of their start, with their arguments. */
export function programs(dir: string): Record<string, string[]> {
  const paths = pathsIn(dir);
  const etcd = 'http://127.0.0.1:2379';
  const kubeconfig = ['--kubeconfig', paths.kubeconfig];
  return {
    etcd: [
      ...['--unsafe-no-fsync', '--log-level', 'warn', '--data-dir', join(dir, 'etcd')],
      ...['--listen-client-urls', etcd, '--advertise-client-urls', etcd, '--listen-peer-urls', 'http://127.0.0.1:2380'],
    ],
    containerd: ['-c', paths.containerd],
    'kube-apiserver': [
      ...['--etcd-servers', etcd, '--bind-address', '0.0.0.0', '--advertise-address', NODE_ADDRESS, '--secure-port', '6443'],
      ...['--cert-dir', join(dir, 'pki/apiserver'), '--token-auth-file', paths.tokens, '--authorization-mode', 'Node,RBAC'],
      ...['--service-account-issuer', 'https://kubernetes.default.svc', '--service-account-key-file', `${paths.signingKey}.pub`],
      ...['--service-account-signing-key-file', paths.signingKey, '--service-cluster-ip-range', SERVICE_ADDRESSES],
      ...['--allow-privileged=true', '--kubelet-preferred-address-types', 'InternalIP'],
    ],
    'kube-controller-manager': [
      ...[...kubeconfig, '--service-account-private-key-file', paths.signingKey],
      ...['--root-ca-file', join(dir, 'pki/apiserver/apiserver.crt'), '--leader-elect=false'],
      '--use-service-account-credentials',
    ],
    'kube-scheduler': [...kubeconfig, '--leader-elect=false'],
    kubelet: [
      ...['--config', paths.kubelet, ...kubeconfig, '--root-dir', join(dir, 'kubelet'), '--cert-dir', join(dir, 'pki/kubelet')],
      ...['--hostname-override', NODE_NAME, '--node-ip', NODE_ADDRESS],
    ],
    'kube-proxy': ['--config', paths.proxy],
    'kube-router': [
      ...['--run-router=false', '--run-service-proxy=false', '--run-firewall=true', ...kubeconfig],
      ...[
        `--hostname-override=${NODE_NAME}`,
        `--service-cluster-ip-range=${SERVICE_ADDRESSES}`,
        '--metrics-port=0',
        '--health-port=0',
      ],
    ],
    coredns: ['-quiet', '-conf', paths.dns],
  };
}

const VOLUMES = 20;
/** Of this many a claim may ask for ReadWriteOncePod, which the volume must allow. */
const FOR_ONE_POD = 4;

/** Storage class `local` with volumes on this disk. A claim is bound when its pod is scheduled, as in a cloud. */
export function storage(dir: string): object[] {
  const { volumes } = pathsIn(dir);
  const storageClass = {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'local', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
    provisioner: 'kubernetes.io/no-provisioner',
    volumeBindingMode: 'WaitForFirstConsumer',
  };
  const onThisNode = { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [NODE_NAME] }] };
  const volume = (number: number) => ({
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: `local-${number}` },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: [number <= FOR_ONE_POD ? 'ReadWriteOncePod' : 'ReadWriteOnce'],
      persistentVolumeReclaimPolicy: 'Retain',
      storageClassName: 'local',
      local: { path: join(volumes, String(number)) },
      nodeAffinity: { required: { nodeSelectorTerms: [onThisNode] } },
    },
  });
  return [storageClass, ...Array.from({ length: VOLUMES }, (_, index) => volume(index + 1))];
}
