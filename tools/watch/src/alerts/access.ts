import type { RuleGroup } from '../rules.ts';

const REQUESTS = 'http_server_request_duration_seconds_count';

export const access: RuleGroup = {
  name: 'access',
  recordings: [
    {
      record: 'namespace_service:http_server_errors:ratio_rate5m',
      labels: ['namespace', 'service'],
      expr: (of) =>
        `sum by (namespace, service) (rate(${of(REQUESTS, 'status=~"5.."')}[5m])) / (sum by (namespace, service) ` +
        `(rate(${of(REQUESTS)}[5m])) > 0)`,
    },
  ],
  alerts: [
    {
      name: 'FactsStale',
      severity: 'page',
      for: '2m',
      expr: (of) => `min by (namespace, service) (${of('pa_facts_age_seconds')}) > 15`,
      summary: 'Every {{ $labels.service }} has facts that are {{ $value | humanizeDuration }} old and answers 503',
      description:
        'Nothing is decided with facts older than FACTS_BOUND_MS (5 s): no provider can read anything until they ' +
        'are fresh again. Nothing is shown to anybody who should not see it.',
      why:
        'Three times the bound for two minutes is no restart and no rebalance; all instances, since one alone is ' +
        'taken out of the Service.',
      follows: ['EngineAway', 'IntakeStuck'],
    },
    {
      name: 'RecordsUnreadable',
      severity: 'page',
      for: '1m',
      expr: (of) => `max by (namespace, service) (${of('pa_facts_unreadable_records')}) > 0`,
      summary:
        '{{ $labels.service }} cannot read {{ $value | humanize }} records of the platform and denies whom they ' +
        'concern',
      description:
        'A client, a key, a provider or a whole source is denied: in the worst case nobody reads anything. ' +
        'A release that can read the records ends it (ADR 0018).',
      why: 'It is safe, it may close everything, and it never ends by itself.',
    },
    {
      name: 'Errors',
      severity: 'page',
      for: '5m',
      expr: (of) =>
        `${of('namespace_service:http_server_errors:ratio_rate5m')} > 0.05 and on (namespace, service) sum by ` +
        `(namespace, service) (rate(${of(REQUESTS, 'status=~"5.."')}[5m])) > 0.02`,
      summary: '{{ $labels.service }} answers {{ $value | humanizePercentage }} of requests with 5xx',
      description:
        'Clients repeat what was answered 503, so nothing is lost yet; exports and payer systems run into their ' +
        'own time limits next.',
      why:
        'One request in twenty for ten minutes is seen by every client; below six errors in five minutes it is a ' +
        'client at a bad moment.',
      follows: ['EngineAway', 'FactsStale'],
    },
    {
      name: 'SourceDenied',
      severity: 'page',
      for: '1m',
      expr: (of) => `max by (namespace) (${of('pa_access_held_sources')}) > 0`,
      summary: 'A parked event denies every member of a source',
      description:
        'An opt-out, coverage or attribution event came in that does not say whose it is. Until it is corrected, ' +
        'replayed or discarded, nobody sees any member of the payer system that sent it.',
      why: 'It closes the whole road, is safe, and never ends by itself.',
    },
    {
      name: 'EventsParked',
      severity: 'ticket',
      for: '15m',
      expr: (of) =>
        `sum by (namespace, service) (max by (namespace, topic, service) (${of('pa_dead_letters_open')})) > 0`,
      summary: '{{ $value | humanize }} events that {{ $labels.service }} could not take wait for a person',
      description:
        'Parked by consent or attribution: the members concerned are denied until somebody acts. Parked by ' +
        'resources: a claim or record is missing from what providers read.',
      why: 'Nothing else resolves a parked event; a quarter of an hour leaves the payer time to replay it.',
    },
    {
      name: 'TokenRefusals',
      severity: 'ticket',
      for: '10m',
      expr: (of) =>
        [
          `sum by (namespace) (rate(${of('pa_token_refusals_total')}[10m])) > 0.2`,
          `and on (namespace) sum by (namespace) (rate(${of('pa_token_refusals_total')}[10m])) > sum by ` +
            `(namespace) (rate(${of('pa_tokens_issued_total')}[10m]))`,
        ].join(' '),
      summary: 'More token requests are refused ({{ $value | humanize }} a second) than granted',
      description:
        'Somebody guesses, a client has a wrong key or clock, or keys of ours do not fit together. The reasons are ' +
        'in pa_token_refusals_total and in pa.audit.',
      why:
        'One client with an expired key is below it; a hundred a quarter of an hour and more than all good ones ' +
        'together is not normal.',
    },
  ],
};
