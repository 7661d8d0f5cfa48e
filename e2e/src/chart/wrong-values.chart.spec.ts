import { expect, test } from 'vitest';
import { describeUnless } from '../describe-unless.ts';
import { exampleValues } from './examples.ts';
import { noHelm } from '@provider-access/cluster/programs';
import { template, type Values } from './helm.ts';
import { WRONG_ENGINES } from './wrong-engines.ts';

const SMALL = exampleValues('small');
const hpa = { enabled: true, engine: 'hpa' };
const keda = { enabled: true, engine: 'keda' };
const peers = [{ podSelector: {} }];

/** Values over those of the smallest example, and Helm's error for them. */
const WRONG: readonly (readonly [what: string, values: Values, sentence: string | RegExp])[] = [
  // Types, ranges, closed sets, unknown names: the schema's own error, with the path.
  ['an unknown key', { replcas: 2 }, "additional properties 'replcas' not allowed"],
  ['an unknown key further in', { ingress: { hsts: true } }, "at '/ingress': additional properties 'hsts' not allowed"],
  [
    'a service that does not exist',
    { services: { portal: { replicas: 1 } } },
    "at '/services': additional properties 'portal' not allowed",
  ],
  [
    'a variable that no service knows',
    { config: { KAFKA_BROKER: 'k:9092' } },
    "at '/config': additional properties 'KAFKA_BROKER' not allowed",
  ],
  [
    'a variable of another service',
    { services: { auth: { config: { EXPORT_WRITERS: 2 } } } },
    "at '/services/auth/config': additional properties 'EXPORT_WRITERS' not allowed",
  ],
  [
    'replicas as words',
    { services: { auth: { replicas: 'two' } } },
    "at '/services/auth/replicas': got string, want integer",
  ],
  ['no replicas', { services: { auth: { replicas: 0 } } }, "at '/services/auth/replicas': minimum: got 0, want 1"],
  ['a switch as text', { ingress: { enabled: 'yes' } }, "at '/ingress/enabled': got string, want boolean"],
  ['a part taken away', { kafka: null }, "missing property 'kafka'"],
  [
    'an unknown pull policy',
    { image: { pullPolicy: 'Sometimes' } },
    "at '/image/pullPolicy': value must be one of 'Always', 'IfNotPresent', 'Never'",
  ],
  [
    'pull secrets as Kubernetes writes them',
    { image: { pullSecrets: [{ name: 'a' }] } },
    "at '/image/pullSecrets/0': got object, want string",
  ],
  [
    'an unknown log level',
    { logLevel: 'verbose' },
    "at '/logLevel': value must be one of 'debug', 'info', 'warn', 'error', 'silent'",
  ],
  [
    'an unknown SASL mechanism',
    { kafka: { sasl: { mechanism: 'gssapi' } } },
    /at '\/kafka\/sasl\/mechanism': value must be one of .*'scram-sha-512'/,
  ],
  [
    'an unknown day',
    { serviceLevels: { businessDays: ['monday'] } },
    /at '\/serviceLevels\/businessDays\/0': value must be one of 'mon'/,
  ],
  [
    'a port that is none',
    { networkPolicy: { mongodbPorts: [270170] } },
    "at '/networkPolicy/mongodbPorts/0': maximum: got 270,170, want 65,535",
  ],
  [
    'no port, which would be every port',
    { networkPolicy: { mongodbPorts: [] } },
    "at '/networkPolicy/mongodbPorts': minItems: got 0, want 1",
  ],
  [
    'a stop of an hour',
    { services: { export: { stopTimeoutSeconds: 3600 } } },
    "at '/services/export/stopTimeoutSeconds': maximum: got 3,600, want 600",
  ],
  [
    'consumer lag for a service that consumes nothing of the payer',
    { services: { auth: { autoscaling: { lagRecords: 5 } } } },
    "additional properties 'lagRecords' not allowed",
  ],
  // Basics.
  [
    'no image',
    { image: { repository: '' } },
    'image.repository: must be set; it is where the image lies, without tag.',
  ],
  [
    'a tag in the repository',
    { image: { repository: 'registry.example/pa:1.0' } },
    'image.repository: must have neither scheme nor tag nor digest; those are image.tag and image.digest.',
  ],
  [
    'a digest cut short',
    { image: { digest: 'sha256:abc' } },
    'image.digest: must be sha256: and 64 hexadecimal digits.',
  ],
  ['no public URL', { publicUrl: '' }, 'publicUrl: must be set; it is the base that providers use, without /fhir.'],
  [
    'a public URL without a scheme',
    { publicUrl: 'fhir.payer.example' },
    'publicUrl: must be an absolute http or https URL without query.',
  ],
  [
    'a public URL in the clear',
    { publicUrl: 'http://fhir.payer.example' },
    'publicUrl: must be https: the processes speak plain HTTP behind your TLS.',
  ],
  [
    'a public URL with /fhir',
    { publicUrl: 'https://fhir.payer.example/fhir' },
    'publicUrl: must not end with /fhir, which is added.',
  ],
  [
    'a public URL with a path behind the chart’s Ingress',
    { publicUrl: 'https://payer.example/pa' },
    'publicUrl: must have no path where this chart routes: the services answer at /auth and /fhir.',
  ],
  [
    'proxies by name',
    { trustedProxies: 'nginx' },
    'trustedProxies: must be a number of proxies up to 10, or addresses and networks (CIDR) separated by commas.',
  ],
  [
    'a name with capitals',
    { fullnameOverride: 'ProviderAccess' },
    'fullnameOverride: must be lower case letters, digits and dashes, 44 at most, beginning with a letter.',
  ],
  [
    'a payer that is no Organization',
    { payer: { organization: 'Payer/1' } },
    'payer.organization: must be Organization/<id>.',
  ],
  ...WRONG_ENGINES,
  // One place for each setting; renamed values, and names of other charts.
  [
    'a variable that has a value of its own',
    { config: { LOG_LEVEL: 'warn' } },
    'config.LOG_LEVEL: is set by logLevel.',
  ],
  [
    'the port of one service',
    { services: { auth: { config: { PORT: 80 } } } },
    'services.auth.config.PORT: is set by this chart; 8080 in every pod.',
  ],
  ['replicas of all', { replicaCount: 3 }, 'replicaCount: is called services.<name>.replicas here.'],
  [
    'bootstrap servers',
    { kafka: { bootstrapServers: 'a:9092' } },
    'kafka.bootstrapServers: is called kafka.brokers here.',
  ],
  ['hosts of the Ingress', { ingress: { hosts: ['a'] } }, 'ingress.hosts: is called publicUrl here.'],
  ['annotations of pods', { podAnnotations: {} }, 'podAnnotations: is called pods.annotations here.'],
  // Scaling.
  [
    'a least above the most',
    { services: { resources: { autoscaling: { minReplicas: 20 } } } },
    'services.resources.autoscaling.minReplicas: must not be above maxReplicas.',
  ],
  [
    'an autoscaler that looks at nothing',
    { services: { auth: { autoscaling: { ...hpa, cpuPercent: 0 } } } },
    'services.auth.autoscaling: has nothing to scale by; set cpuPercent, or engine keda with lagRecords.',
  ],
  [
    'a share of no request',
    { services: { auth: { autoscaling: hpa, resources: { requests: { cpu: null } } } } },
    'services.auth.resources.requests.cpu: must be set where cpuPercent scales: it is a share of it.',
  ],
  [
    'queued chunks with nobody to ask',
    { services: { export: { autoscaling: keda } } },
    'services.export.autoscaling.prometheusAddress: must be set for engine keda with queuedChunks: where KEDA asks ' +
      'for them.',
  ],
  [
    'a budget that lets no node be drained',
    { services: { auth: { pdb: { maxUnavailable: 0 } } } },
    'services.auth.pdb.maxUnavailable: must be a number or percentage above zero, or no node could be drained.',
  ],
  // Routes and the network.
  [
    'Ingress and Gateway',
    { gateway: { enabled: true, parentRefs: [{ name: 'g' }] } },
    'gateway.enabled: is the alternative to ingress.enabled; choose one.',
  ],
  [
    'a route without a Gateway',
    { ingress: { enabled: false }, gateway: { enabled: true } },
    'gateway.parentRefs: must name a Gateway.',
  ],
  [
    'an internal Ingress without a host',
    { internalIngress: { enabled: true } },
    "internalIngress.host: must be set; it is how the payer's systems reach /events.",
  ],
  [
    'an internal host that is the public one',
    { internalIngress: { enabled: true, host: 'fhir.payer.example' } },
    'internalIngress.host: must not be the host of publicUrl, or the public could reach /events and /ops.',
  ],
  [
    'an Ingress whose controller is denied',
    { networkPolicy: { fromIngressController: [] } },
    'networkPolicy.fromIngressController: must name the pods of the ingress controller or gateway',
  ],
  [
    'a monitor that is denied',
    { monitoring: { serviceMonitor: { enabled: true } } },
    'networkPolicy.fromPrometheus: must name the pods of Prometheus, which are denied otherwise.',
  ],
  [
    'two monitors',
    {
      networkPolicy: { fromPrometheus: peers },
      monitoring: { serviceMonitor: { enabled: true }, podMonitor: { enabled: true } },
    },
    'monitoring.podMonitor.enabled: is the alternative to monitoring.serviceMonitor.enabled; with both everything ' +
      'would be counted twice.',
  ],
  [
    'an interval without a unit',
    { monitoring: { serviceMonitor: { interval: '30' } } },
    'monitoring.serviceMonitor.interval: must be a duration, e.g. 30s.',
  ],
  // The rest.
  [
    'a collector without a scheme',
    { telemetry: { endpoint: 'collector:4318' } },
    'telemetry.endpoint: must be an absolute http or https URL, e.g. http://collector:4318.',
  ],
  [
    'headers for no collector',
    { secrets: { otlpHeaders: { secretName: 'o' } } },
    'secrets.otlpHeaders: has no effect without telemetry.endpoint.',
  ],
  ['a share above one', { telemetry: { samplingRatio: 5 } }, 'telemetry.samplingRatio: must be a number from 0 to 1.'],
  [
    'a time zone by its abbreviation',
    { serviceLevels: { timeZone: 'CST' } },
    'serviceLevels.timeZone: must be names of the IANA data base, separated by commas, e.g. America/Chicago.',
  ],
  [
    'time zones that are separated by something else',
    { serviceLevels: { timeZone: 'America/Chicago;America/Denver' } },
    'serviceLevels.timeZone: must be names of the IANA data base, separated by commas, e.g. America/Chicago.',
  ],
  [
    'a holiday in words',
    { serviceLevels: { holidays: ['Dec 25'] } },
    'serviceLevels.holidays: "Dec 25" must be a date, e.g. "2027-01-01".',
  ],
  [
    'a probe without its app',
    { probe: { cronJob: { enabled: true } } },
    'probe.cronJob.secretName: must be set; it holds app.json and key.json as `pa probe setup` wrote them.',
  ],
  [
    'a schedule of three fields',
    { probe: { cronJob: { enabled: true, secretName: 'p', schedule: '* * *' } } },
    'probe.cronJob.schedule: must be five fields of cron, e.g. "*/10 * * * *".',
  ],
];

test('are forty at least', () => {
  expect(WRONG.length).toBeGreaterThanOrEqual(40);
  expect(new Set(WRONG.map(([what]) => what)).size).toBe(WRONG.length);
});

describeUnless(noHelm, 'wrong values of the chart', () => {
  test.each(WRONG)('%s', async (_what, values, sentence) => {
    const { ok, text, errors } = await template([SMALL, values]);
    expect(ok).toBe(false);
    expect(text).toBe('');
    expect(errors).toMatch(sentence);
    // A wrong value may be a secret, so no error repeats it.
    expect(errors).not.toContain('hunter2');
  });

  test('reports all wrong values at once', async () => {
    const { errors } = await template([{}]);
    for (const path of [
      'image.repository',
      'publicUrl',
      'kafka.brokers',
      'mongodb.uri',
      'files.s3.bucket',
      'secrets.tokenSigningKeys.secretName',
    ])
      expect(errors).toContain(`${path}: must`);
  });
});
