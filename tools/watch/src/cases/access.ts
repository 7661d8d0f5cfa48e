import { series, type CaseTable } from './case.ts';

const age = (service: string, instance: string): string => series('pa_facts_age_seconds', { service }, instance);
const unreadable = (service: string, instance = 'a'): string =>
  series('pa_facts_unreadable_records', { service }, instance);
const requests = (service: string, status: string): string =>
  series('http_server_request_duration_seconds_count', { service, method: 'GET', route: '/fhir/:type/:id', status });
const parked = (service: string, instance = 'a'): string =>
  series('pa_dead_letters_open', { topic: 'payer.member-events', service }, instance);

export const accessCases: CaseTable = {
  FactsStale: [
    {
      when: 'both processes of resources have old facts',
      series: {
        [age('resources', 'a')]: '1x5 60+60x20',
        [age('resources', 'b')]: '1x5 61+60x20',
        [age('export', 'c')]: '0.3x30',
      },
      at: 10,
      fires: [
        { labels: { service: 'resources' }, summary: 'Every resources has facts that are 5m 0s old and answers 503' },
      ],
    },
    {
      when: 'one of two has: it is taken out',
      series: { [age('resources', 'a')]: '60+60x20', [age('resources', 'b')]: '0.3x30' },
      at: 15,
      fires: [],
    },
    { when: 'a broker restarts', series: { [age('resources', 'a')]: '0.3x5 20x1 0.3x20' }, at: 7, fires: [] },
    {
      when: 'facts were never confirmed',
      series: { [age('consent', 'a')]: 'Inf Inf Inf Inf Inf Inf' },
      at: 5,
      fires: [{ labels: { service: 'consent' }, summary: 'Every consent has facts that are +Inf old and answers 503' }],
    },
  ],
  RecordsUnreadable: [
    {
      when: 'every process that follows the registry says so',
      series: {
        [unreadable('resources')]: '0x5 1x20',
        [unreadable('resources', 'b')]: '0x5 1x20',
        [unreadable('export')]: '0x25',
      },
      at: 9,
      fires: [
        {
          labels: { service: 'resources' },
          summary: 'resources cannot read 1 records of the platform and denies whom they concern',
        },
      ],
    },
    {
      when: 'the release that can read it is there',
      series: { [unreadable('resources')]: '1x5 0x20' },
      at: 9,
      fires: [],
    },
    { when: 'nothing is unreadable', series: { [unreadable('resources')]: '0x25' }, at: 20, fires: [] },
  ],
  Errors: [
    {
      when: 'one in ten is 503',
      series: { [requests('resources', '200')]: '0+90x30', [requests('resources', '503')]: '0+10x30' },
      at: 15,
      fires: [{ labels: { service: 'resources' }, summary: 'resources answers 10% of requests with 5xx' }],
    },
    {
      when: 'one in fifty is',
      series: { [requests('resources', '200')]: '0+98x30', [requests('resources', '503')]: '0+2x30' },
      at: 25,
      fires: [],
    },
    {
      when: 'clients are wrong',
      series: { [requests('auth', '200')]: '0+10x30', [requests('auth', '401')]: '0+90x30' },
      at: 25,
      fires: [],
    },
    {
      when: 'one of two requests at night fails',
      series: { [requests('auth', '200')]: '0x10 1x20', [requests('auth', '500')]: '0x10 1x20' },
      at: 17,
      fires: [],
    },
    {
      when: 'it was so for three minutes',
      series: { [requests('export', '200')]: '0+90x30', [requests('export', '500')]: '0x5 0+10x3 30x22' },
      at: 25,
      fires: [],
    },
  ],
  SourceDenied: [
    {
      when: 'a parked opt-out names no member',
      series: { [series('pa_access_held_sources')]: '0x5 1x20', [series('pa_access_held_sources', {}, 'b')]: '0x25' },
      at: 8,
      fires: [{ summary: 'A parked event denies every member of a source' }],
    },
    { when: 'it was replayed', series: { [series('pa_access_held_sources')]: '1x5 0x20' }, at: 8, fires: [] },
  ],
  EventsParked: [
    {
      when: 'an opt-out is parked, told by two processes',
      series: { [parked('consent')]: '0x5 1x40', [parked('consent', 'b')]: '0x5 1x40', [parked('resources')]: '0x45' },
      at: 25,
      fires: [{ labels: { service: 'consent' }, summary: '1 events that consent could not take wait for a person' }],
    },
    {
      when: 'the payer replays it within ten minutes',
      series: { [parked('resources')]: '3x10 0x40' },
      at: 25,
      fires: [],
    },
  ],
  TokenRefusals: [
    {
      when: 'somebody guesses',
      series: {
        [series('pa_token_refusals_total', { reason: 'client' })]: '0+60x60',
        [series('pa_tokens_issued_total')]: '0+10x60',
      },
      at: 30,
      fires: [{ summary: 'More token requests are refused (1 a second) than granted' }],
    },
    {
      when: 'one client has an expired key',
      series: {
        [series('pa_token_refusals_total', { reason: 'key' })]: '0+4x60',
        [series('pa_tokens_issued_total')]: '0+1x60',
      },
      at: 30,
      fires: [],
    },
    {
      when: 'many are refused among many more',
      series: {
        [series('pa_token_refusals_total', { reason: 'time' })]: '0+60x60',
        [series('pa_tokens_issued_total')]: '0+600x60',
      },
      at: 30,
      fires: [],
    },
  ],
};
