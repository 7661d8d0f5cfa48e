import { hostname } from 'node:os';

/** Names that Kubernetes gives, in every pod, to a Service that happens to be called kafka, mongodb or internal. */
const LINK = /_(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/;
const LINK_URL = /^(tcp|udp|sctp):\/\//;

/** Plain words that scripts use for lists, one letter away from PORT, HOST and FILES. */
const PLAIN_WORDS = new Set(['PORTS', 'HOSTS', 'FILE']);
/** Names of the OpenTelemetry specification that this platform does not read, though they look like ones it reads. */
const OPENTELEMETRY = new RegExp(
  '^OTEL_(TRACES_SAMPLER|METRIC_EXPORT_TIMEOUT|' +
    'EXPORTER_OTLP_((TRACES|METRICS|LOGS)_(ENDPOINT|HEADERS)|' +
    '((TRACES|METRICS|LOGS)_)?((CLIENT_)?CERTIFICATE|CLIENT_KEY|COMPRESSION|PROTOCOL|TIMEOUT|INSECURE)))$',
);

/** Whether Kubernetes has set the variable: its value tells `INTERNAL_PORT` of a Service from a slip for a port. */
const isServiceLink = (name: string, value: string): boolean =>
  LINK.test(name) || (name.endsWith('_PORT') && LINK_URL.test(value));

/** Whether a variable that looks like a slip is the name of something else. */
export const isAnothers = (name: string, value: string): boolean =>
  PLAIN_WORDS.has(name) || isServiceLink(name, value) || OPENTELEMETRY.test(name);

/**
 * Whether another program has set one of our own variables for a purpose of its own. tcsh exports HOST with the name of
 * the machine, conda exports it with its compiler's target, and Kubernetes exports the address of a Service.
 */
export function isSetByAnother(
  name: string,
  value: string,
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  if (isServiceLink(name, value)) return true;
  if (name !== 'HOST') return false;
  const tcsh = ['HOSTTYPE', 'MACHTYPE', 'VENDOR'].every((other) => env[other] !== undefined);
  return (tcsh && value === hostname()) || value === env['CONDA_TOOLCHAIN_HOST'];
}
