import { probeReported } from '@provider-access/events';
import { FHIR_TYPE as FHIR, JSON_TYPE } from '@provider-access/service/http';
import { ref } from '@provider-access/service/operation';
import type { Operation } from './operation.ts';

const OBJECT = { type: 'object' };

export const OPS: Readonly<Record<string, Operation>> = {
  'GET /ops/explain': {
    tag: 'Operations',
    summary: 'Explain why an app sees a member, or does not',
    description:
      'Uses the same decision as reads and exports, over the intervals of coverage, attribution and opt-outs.',
    parameters: {
      client: 'The `client_id` of the app.',
      member: 'The id of the member.',
      at: 'An instant with a zone. Default: now.',
    },
    answer: { description: 'The decision, its reason, and the facts.', type: JSON_TYPE, schema: OBJECT },
    refusals: ['required', 'invalid-value'],
  },
  'GET /ops/disclosures': {
    tag: 'Operations',
    summary: 'List what was released or refused about a member',
    description: 'The newest first, in pages. `next` of an answer is the path of the next page.',
    parameters: {
      member: 'The id of the member.',
      since: 'An instant with a zone: entries that are not before.',
      until: 'An instant with a zone: entries that are before.',
      limit: 'Entries of a page, at most 1000, which is the default.',
      page: 'From the `next` of an answer.',
    },
    answer: { description: 'The newest first.', type: JSON_TYPE, schema: OBJECT },
    refusals: ['required', 'invalid-value'],
  },
  'GET /ops/disclosures/document': {
    tag: 'Operations',
    summary: 'Print an accounting of disclosures',
    description: 'What 45 CFR 164.528 asks for: date, recipient, content and purpose of each release.',
    parameters: {
      member: 'The id of the member.',
      since: 'An instant with a zone. Default: the first entry.',
      until: 'An instant with a zone. Default: now.',
    },
    answer: { description: 'A page that needs nothing from outside.', type: 'text/html', schema: { type: 'string' } },
    refusals: ['required', 'invalid-value', 'too-costly'],
  },
  'GET /ops/audit/AuditEvent': {
    tag: 'Operations',
    summary: 'Search the audit as AuditEvents',
    description: 'It needs `patient`, `agent`, `date`, `outcome` or `entity`. No token of an app is taken here.',
    query: [
      { name: 'patient', description: '`Patient/<id>`. The AuditEvents name this member alone.' },
      { name: 'agent', description: 'A `client_id`; `agent:identifier` takes it with its system.' },
      { name: 'date', description: 'A day or an instant, with eq, gt, ge, lt, le, sa or eb before it. Repeatable.' },
      { name: 'outcome', description: '0 (released) or 4 (refused).' },
      { name: 'entity', description: '`Patient/<id>` or `Group/<id>`.' },
      { name: '_count', description: 'At most 200 in a page. Default: 50.' },
      { name: '_page', description: 'From the `next` link of a Bundle.' },
    ],
    answer: { description: 'A searchset Bundle, the newest first.', type: FHIR, schema: OBJECT },
    refusals: ['required', 'invalid-value', 'not-supported', 'not-acceptable'],
  },
  'GET /ops/audit/AuditEvent/{id}': {
    tag: 'Operations',
    summary: 'Read an AuditEvent',
    parameters: { id: 'As a search names it.' },
    answer: { description: 'The AuditEvent.', type: FHIR, schema: OBJECT },
    refusals: ['not-found'],
  },
  'GET /ops/audit/verification': {
    tag: 'Operations',
    summary: 'Compare the audit with its daily seals',
    description: 'Reads a bounded part of the log. `next` of an answer is the path of the next page.',
    parameters: {
      from: 'The first UTC day. Default: the first one.',
      to: 'The last UTC day. Default: the last one.',
      page: 'From the `next` of an answer.',
    },
    answer: { description: 'What was found for each seal and partition.', type: JSON_TYPE, schema: OBJECT },
    refusals: ['invalid-value'],
  },
  'GET /ops/slo': {
    tag: 'Operations',
    summary: 'Report the service levels',
    parameters: {
      from: 'The first local day of the payer. Default: the first of the month.',
      to: 'The last day. Default: today. At most 400 days are reported at once.',
    },
    answer: { description: 'Each service level with its target.', type: JSON_TYPE, schema: OBJECT },
    refusals: ['invalid-value'],
  },
  'GET /ops/slo/freshness': {
    tag: 'Operations',
    summary: 'Report how fresh the events of each source and type are',
    parameters: {
      from: 'The first local day of the payer. Default: the first of the month.',
      to: 'The last day. Default: today. At most 400 days are reported at once.',
    },
    answer: {
      description: 'Each feed that was ever heard, the longest silent first.',
      type: JSON_TYPE,
      schema: OBJECT,
    },
    refusals: ['invalid-value'],
  },
  'POST /ops/probe': {
    tag: 'Operations',
    summary: 'Report a run of the synthetic probe',
    body: {
      required: true,
      content: {
        [JSON_TYPE]: {
          schema: probeReported,
          fields: {
            at: 'When the probe ran.',
            ok: 'Whether every step succeeded.',
            failed: 'The step that failed.',
            steps: 'The steps that were taken, with their durations in ms.',
          },
        },
      },
    },
    answer: { description: 'The report is recorded.', type: JSON_TYPE, schema: OBJECT },
    refusals: ['invalid-request', 'invalid-value'],
  },
  'GET /ops/sandbox': {
    tag: 'Operations',
    summary: 'Get the state of the sandbox',
    description: 'Only `npm start -- --sandbox` has this route.',
    answer: {
      description: 'Whether the sandbox is ready, its members, and its ready clients with their keys.',
      type: JSON_TYPE,
      schema: ref('Sandbox'),
    },
    refusals: [],
  },
  'POST /ops/sandbox/reset': {
    tag: 'Operations',
    summary: 'Delete everything in the sandbox and start over',
    description: 'Only `npm start -- --sandbox` has this route. The tokens stay, and the ready clients are new.',
    answer: {
      status: 202,
      description: 'The sandbox starts over. `GET /ops/sandbox` says when it is ready.',
      type: JSON_TYPE,
      schema: ref('Sandbox'),
    },
    refusals: [],
  },
};
