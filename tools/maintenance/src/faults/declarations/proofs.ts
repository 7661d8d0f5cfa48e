import type { Fault } from '../fault.ts';

const HERE = 'tools/proofs/src';
const DECIDE = 'libs/domain/src/access/decide.ts';
const SEARCH = 'libs/fhir/src/search';
const OF_SEARCH = [`${HERE}/search/search.unit.spec.ts`, `${SEARCH}/evaluate.unit.spec.ts`];

/** Only a model, an oracle, a list of kill points or a contract suite sees the fault: each must stay where it runs. */
export const PROOFS: readonly Fault[] = [
  {
    id: 'model-finds-an-ignored-hold',
    what: 'a hold of a member denies nobody',
    suites: [`${HERE}/model.int.spec.ts`],
    forms: [
      {
        file: DECIDE,
        find: "if (member.holds.some((h) => applies(h, now))) return deny('on-hold');",
        replace: '',
      },
    ],
  },
  {
    id: 'model-finds-an-ignored-opt-out',
    what: 'an opt-out denies nobody',
    suites: [`${HERE}/model.int.spec.ts`],
    forms: [
      {
        file: DECIDE,
        find: 'const optOuts = member.optOuts.filter((o) => applies(o, now));',
        replace: 'const optOuts = member.optOuts.filter((o) => applies(o, now) && o.scope === "nobody");',
      },
    ],
  },
  {
    id: 'clocks-find-a-decision-by-the-own-clock',
    what: 'a process whose clock is behind permits what was withdrawn',
    suites: [`${HERE}/clocks.int.spec.ts`],
    forms: [
      {
        file: DECIDE,
        find: 'if (request.past === true) return now;',
        replace: 'if (request.past === true || now > 0) return now;',
      },
    ],
  },
  {
    id: 'kill-points-find-lost-progress',
    what: 'an intake that dies forgets outputs of an earlier instance',
    suites: ['libs/engines/src/log/derivation.unit.spec.ts', `${HERE}/kill-points.int.spec.ts`],
    forms: [
      {
        file: 'libs/engines/src/log/derivation.ts',
        find: 'known.after : await this.#heads(outputs);',
        replace: 'known.after : ({} as Offsets);',
      },
    ],
  },
  {
    id: 'kill-points-find-a-forgotten-step',
    what: 'a step of an export whose work item was lost is never taken again',
    suites: ['services/export/test/processes.int.spec.ts', `${HERE}/kill-points.int.spec.ts`],
    forms: [
      {
        file: 'libs/jobs/src/run/job-work.ts',
        find: 'for (const status of RECOVERED) await this.putAll(jobs, status);',
        replace: 'for (const status of RECOVERED.slice(3)) await this.putAll(jobs, status);',
      },
    ],
  },
  {
    id: 'search-oracle-finds-a-lost-condition',
    what: 'a search returns what one of its conditions excludes',
    suites: OF_SEARCH,
    forms: [
      {
        file: `${SEARCH}/evaluate.ts`,
        find: 'if (!condition.holds(found)) return false;',
        replace: 'if (!condition.holds(found) && conditions.length < 2) return false;',
      },
    ],
  },
  {
    id: 'search-oracle-finds-a-short-reference',
    what: 'a search by a bare id misses references',
    suites: OF_SEARCH,
    forms: [
      {
        file: `${SEARCH}/evaluate.ts`,
        find: 'if (parameter.targets === undefined) found.push(referenceKey(base, name.slice',
        replace: 'if (parameter.targets !== undefined) found.push(referenceKey(base, name.slice',
      },
    ],
  },
  {
    id: 'redaction-oracle-finds-money',
    what: 'adjudications of a prior authorization keep amounts',
    suites: [
      'libs/domain/src/pdex/redact/redact.property.unit.spec.ts',
      'libs/domain/src/pdex/redact/redact.unit.spec.ts',
      'libs/domain/src/pdex/redact/prior-authorizations.unit.spec.ts',
    ],
    forms: [
      {
        file: 'libs/domain/src/pdex/redact/redact.ts',
        find: "source['use'] === 'preauthorization' ? 'prior-authorization' : 'claim'",
        replace: "source['use'] === 'preauthorization' ? 'clinical' : 'claim'",
      },
    ],
  },
  {
    id: 'budget-finds-one-more-query',
    what: 'a read asks the views twice for its head',
    suites: [`${HERE}/costs.int.spec.ts`, 'services/resources/src/operations/binary/cost.int.spec.ts'],
    forms: [
      {
        file: 'services/resources/src/operations/find-resource.ts',
        find: '    const read = await this.records.findWhile(',
        replace:
          '    await this.records.heads(idsOf(of, owners));\n' + '    const read = await this.records.findWhile(',
      },
      {
        file: 'services/resources/src/operations/find-resource.ts',
        find: '    const records = await this.records.find(\n',
        replace:
          '    await this.records.heads(owners.map((owner) => recordId(owner, type, id)));\n' +
          '    const records = await this.records.find(\n',
      },
      {
        file: 'services/resources/src/operations/find-resource.ts',
        find: 'const heads = await this.records.heads(owners.map((owner) => recordId(owner, type, id)));',
        replace:
          'await this.records.heads(owners.map((owner) => recordId(owner, type, id)));\n' +
          '    const heads = await this.records.heads(owners.map((owner) => recordId(owner, type, id)));',
      },
      {
        file: 'services/resources/src/operations/find-resource.ts',
        find: 'const heads = await records.heads(owners.map((owner) => recordId(owner, type, id)));',
        replace:
          'await records.heads(owners.map((owner) => recordId(owner, type, id)));\n' +
          '    const heads = await records.heads(owners.map((owner) => recordId(owner, type, id)));',
      },
    ],
  },
  {
    id: 'contract-finds-a-repeated-batch',
    what: 'a view applies a batch that it has already',
    suites: ['libs/engines/src/views/embedded/embedded.int.spec.ts'],
    forms: [
      {
        file: 'libs/engines/src/views/build-writer.ts',
        find: 'const news = first.offset >= next ? records : records.filter((r) => r.offset >= next);',
        replace: 'const news = first.offset >= next - 1 ? records : records.filter((r) => r.offset >= next);',
      },
    ],
  },
];
