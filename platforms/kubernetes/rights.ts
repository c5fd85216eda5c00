/** What a worker does in the namespace of a Redis, and nothing else: the rules of its Role. */
export const RIGHTS: readonly { apiGroups: string[]; resources: string[]; verbs: string[] }[] = [
  { apiGroups: ['apps'], resources: ['statefulsets'], verbs: ['get', 'patch'] },
  { apiGroups: ['apps'], resources: ['statefulsets/scale'], verbs: ['update'] },
  { apiGroups: [''], resources: ['pods'], verbs: ['get', 'create', 'delete'] },
  { apiGroups: [''], resources: ['pods/log'], verbs: ['get'] },
  { apiGroups: [''], resources: ['configmaps'], verbs: ['get'] },
  { apiGroups: [''], resources: ['events'], verbs: ['list'] },
  { apiGroups: [''], resources: ['services'], verbs: ['list'] },
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list'] },
];
