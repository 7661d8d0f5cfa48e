import { firesAt, silentAt, series, type CaseTable } from './case.ts';

const age = (service: string, instance: string): string => series('pa_facts_age_seconds', { service }, instance);
const unreadable = (service: string, instance = 'a'): string =>
  series('pa_facts_unreadable_records', { service }, instance);
const GUESSED = 'An app guesses who is a member: its match is suspended, or several apps guess together';
const requests = (service: string, status: string): string =>
  series('http_server_request_duration_seconds_count', { service, method: 'GET', route: '/fhir/:type/:id', status });
const parked = (service: string, instance = 'a'): string =>
  series('pa_dead_letters_open', { topic: 'payer.member-events', service }, instance);

export const accessCases: CaseTable = {
  FactsStale: [
    firesAt(
      10,
      'both processes of resources have old facts',
      {
        [age('resources', 'a')]: '1x5 60+60x20',
        [age('resources', 'b')]: '1x5 61+60x20',
        [age('export', 'c')]: '0.3x30',
      },
      { labels: { service: 'resources' }, summary: 'All processes of resources answer 503: their facts are 5m 0s old' },
    ),
    silentAt(15, 'one of two has: it is taken out', {
      [age('resources', 'a')]: '60+60x20',
      [age('resources', 'b')]: '0.3x30',
    }),
    silentAt(7, 'a broker restarts', { [age('resources', 'a')]: '0.3x5 20x1 0.3x20' }),
    firesAt(
      5,
      'facts were never confirmed',
      { [age('consent', 'a')]: 'Inf Inf Inf Inf Inf Inf' },
      { labels: { service: 'consent' }, summary: 'All processes of consent answer 503: their facts are +Inf old' },
    ),
  ],
  RecordsUnreadable: [
    firesAt(
      9,
      'every process that follows the registry says so',
      {
        [unreadable('resources')]: '0x5 1x20',
        [unreadable('resources', 'b')]: '0x5 1x20',
        [unreadable('export')]: '0x25',
      },
      {
        labels: { service: 'resources' },
        summary: 'resources cannot read 1 records of the platform and denies all access that they concern',
      },
    ),
    silentAt(9, 'the release that can read it is there', { [unreadable('resources')]: '1x5 0x20' }),
    silentAt(20, 'nothing is unreadable', { [unreadable('resources')]: '0x25' }),
  ],
  Errors: [
    firesAt(
      15,
      'one in ten is 503',
      { [requests('resources', '200')]: '0+90x30', [requests('resources', '503')]: '0+10x30' },
      { labels: { service: 'resources' }, summary: 'resources answers 10% of requests with 5xx' },
    ),
    silentAt(25, 'one in fifty is', {
      [requests('resources', '200')]: '0+98x30',
      [requests('resources', '503')]: '0+2x30',
    }),
    silentAt(25, 'clients are wrong', { [requests('auth', '200')]: '0+10x30', [requests('auth', '401')]: '0+90x30' }),
    silentAt(17, 'one of two requests at night fails', {
      [requests('auth', '200')]: '0x10 1x20',
      [requests('auth', '500')]: '0x10 1x20',
    }),
    silentAt(25, 'it was so for three minutes', {
      [requests('export', '200')]: '0+90x30',
      [requests('export', '500')]: '0x5 0+10x3 30x22',
    }),
  ],
  MatchGuesses: [
    firesAt(
      15,
      'one app is suspended',
      {
        [series('pa_match_suspensions_total')]: '0x10 1x20',
        [series('pa_match_suspensions_total', {}, 'b')]: '0x30',
        [series('pa_match_guesses_total')]: '0x10 1000x20',
      },
      { summary: GUESSED },
    ),
    firesAt(
      90,
      'several apps guess, each below its limit',
      { [series('pa_match_suspensions_total')]: '0x90', [series('pa_match_guesses_total')]: '0+40x90' },
      { summary: GUESSED },
    ),
    silentAt(90, 'some apps send bad data', {
      [series('pa_match_suspensions_total')]: '0x90',
      [series('pa_match_guesses_total')]: '0+20x90',
    }),
    silentAt(80, 'a suspension is of before', { [series('pa_match_suspensions_total')]: '0x10 1x80' }),
  ],
  SourceDenied: [
    firesAt(
      8,
      'a parked opt-out names no member',
      { [series('pa_access_held_sources')]: '0x5 1x20', [series('pa_access_held_sources', {}, 'b')]: '0x25' },
      { summary: 'A dead letter denies all members of a source' },
    ),
    silentAt(8, 'it was replayed', { [series('pa_access_held_sources')]: '1x5 0x20' }),
  ],
  EventsParked: [
    firesAt(
      25,
      'an opt-out is parked, told by two processes',
      { [parked('consent')]: '0x5 1x40', [parked('consent', 'b')]: '0x5 1x40', [parked('resources')]: '0x45' },
      { labels: { service: 'consent' }, summary: '1 dead letters of consent wait for an operator' },
    ),
    silentAt(25, 'the payer replays it within ten minutes', { [parked('resources')]: '3x10 0x40' }),
  ],
  TokenRefusals: [
    firesAt(
      30,
      'somebody guesses',
      {
        [series('pa_token_refusals_total', { reason: 'client' })]: '0+60x60',
        [series('pa_tokens_issued_total')]: '0+10x60',
      },
      { summary: 'auth refuses more token requests (1 a second) than it grants' },
    ),
    silentAt(30, 'one client has an expired key', {
      [series('pa_token_refusals_total', { reason: 'key' })]: '0+4x60',
      [series('pa_tokens_issued_total')]: '0+1x60',
    }),
    silentAt(30, 'many are refused among many more', {
      [series('pa_token_refusals_total', { reason: 'time' })]: '0+60x60',
      [series('pa_tokens_issued_total')]: '0+600x60',
    }),
  ],
};
