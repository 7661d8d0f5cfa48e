import type { RuleGroup } from './rules.ts';

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
      summary: 'All processes of {{ $labels.service }} answer 503: their facts are {{ $value | humanizeDuration }} old',
      description:
        'A process refuses to decide with facts older than FACTS_BOUND_MS (5 s). No provider can read data until the ' +
        'facts are current again. No provider sees data that it must not see.',
      why:
        'A restart or a rebalance ends earlier than three times the bound for two minutes. The alert needs all ' +
        'instances, because Kubernetes takes a single one out of the Service.',
      follows: ['EngineAway', 'IntakeStuck'],
    },
    {
      name: 'RecordsUnreadable',
      severity: 'page',
      for: '1m',
      expr: (of) => `max by (namespace, service) (${of('pa_facts_unreadable_records')}) > 0`,
      summary:
        '{{ $labels.service }} cannot read {{ $value | humanize }} records of the platform and denies all access ' +
        'that they concern',
      description:
        'The records concern a client, a key, a provider or a whole source. In the worst case, no provider can read ' +
        'any data. Install a release that can read the records (ADR 0018).',
      why: 'The denial is safe, but it may concern all access, and it never ends by itself.',
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
        'Clients repeat requests that got 503, so nothing is lost yet. If this continues, exports and payer systems ' +
        'reach their own time limits.',
      why:
        'Every client notices if one request in twenty fails for ten minutes. Fewer than six errors in five minutes ' +
        'concern a single client.',
      follows: ['EngineAway', 'FactsStale'],
    },
    {
      name: 'MatchGuesses',
      severity: 'ticket',
      for: '0m',
      expr: (of) =>
        `sum by (namespace) (increase(${of('pa_match_suspensions_total')}[1h])) > 0 or sum by (namespace) ` +
        `(increase(${of('pa_match_guesses_total')}[1h])) > 2000`,
      summary: 'An app guesses who is a member: its match is suspended, or several apps guess together',
      description:
        'Searches of $provider-member-match without a match were near to each other. After 1,000 in a day the ' +
        'operation is suspended for the app. All other access of the app continues. The audit names the app.',
      why:
        'A suspension needs a reviewer, and it never ends by itself. One app cannot guess 2,000 times in an hour, so ' +
        'several do it together, and each stays below its own limit.',
    },
    {
      name: 'SourceDenied',
      severity: 'page',
      for: '1m',
      expr: (of) => `max by (namespace) (${of('pa_access_held_sources')}) > 0`,
      summary: 'A dead letter denies all members of a source',
      description:
        'An opt-out, coverage or attribution event does not name its member. Until an operator replays or discards ' +
        'the dead letter, no provider sees any member of the payer system that sent the event.',
      why: 'The denial is safe, but it concerns all members of a source and never ends by itself.',
    },
    {
      name: 'EventsParked',
      severity: 'ticket',
      for: '15m',
      expr: (of) =>
        `sum by (namespace, service) (max by (namespace, topic, service) (${of('pa_dead_letters_open')})) > 0`,
      summary: '{{ $value | humanize }} dead letters of {{ $labels.service }} wait for an operator',
      description:
        'Dead letters of consent or attribution deny their members until an operator resolves them. For a dead ' +
        'letter of resources, providers do not see a claim or another record.',
      why: 'Only an operator can resolve a dead letter. A quarter of an hour leaves the payer time to replay it.',
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
      summary: 'auth refuses more token requests ({{ $value | humanize }} a second) than it grants',
      description:
        'Either a caller guesses, or a client has a wrong key or clock, or our own keys do not match. The reasons ' +
        'are in pa_token_refusals_total and in pa.audit.',
      why:
        'One client with an expired key causes fewer refusals. More than a hundred in a quarter of an hour, and ' +
        'more than all granted tokens, is not normal.',
    },
  ],
};
