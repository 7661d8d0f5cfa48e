import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { EXPORT_OPERATIONS } from '@provider-access/domain/pdex';
import { PART_LIMITS } from '@provider-access/jobs/files';
import { exportConfig, exportSettings } from '../src/config.ts';
import { Given } from '../src/domain/request/given.ts';
import { readAssociatedData } from '../src/domain/request/associated-data.ts';

const page = readFileSync(new URL('../../../docs/exporting.md', import.meta.url), 'utf8');
const rows = page
  .slice(page.indexOf('## Questions that Bulk Data asks a server'))
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| ---') && !line.startsWith('| question'))
  .map((line) => line.split('|').map((cell) => cell.trim()));
const answerTo = (question: RegExp): string => {
  const [row, ...others] = rows.filter((cells) => question.test(cells[1]!));
  expect([row !== undefined, others]).toEqual([true, []]);
  return row![2]!;
};

/** The topics of "Data Provider Capability Documentation" of Bulk Data 3.0.0, and attachments. */
describe('E79: docs/exporting.md answers the questions of Bulk Data, as the code does', () => {
  it('has seven answers, and one about attachments', () => {
    expect(rows).toHaveLength(8);
    for (const [, question, answer] of rows) expect([question!.length > 0, answer!.length > 40]).toEqual([true, true]);
  });
  it('profiles and supporting resources', () => {
    expect(answerTo(/profiles/)).toContain('No resource is left out because of its profile');
    expect(answerTo(/supporting/)).toMatch(/Practitioner.*Organization/);
  });
  it('how data is split', () => {
    const { chunkMembers } = exportConfig(exportSettings.parse({ PUBLIC_URL: 'https://pa.example' }));
    const answer = answerTo(/split/);
    expect(answer).toContain(`${PART_LIMITS.resources.toLocaleString('en')} resources`);
    expect(answer).toContain(`${PART_LIMITS.plain / 1024 ** 2} MB`);
    expect(answer).toContain(`${chunkMembers} members`);
  });
  it('levels, parameters and formats', () => {
    for (const operation of EXPORT_OPERATIONS) expect(answerTo(/levels/)).toContain(`Group/{id}/${operation}`);
    for (const format of ['application/fhir+ndjson', 'application/ndjson', 'ndjson'])
      expect(answerTo(/_outputFormat/)).toContain(`\`${format}\``);
  });
  it('data of new members, and includeAssociatedData', () => {
    expect(answerTo(/new in the Group/)).toContain('exported as a whole');
    const named = answerTo(/includeAssociatedData/)
      .match(/`(\w+)`/g)!
      .map((code) => code.slice(1, -1));
    expect(named).toHaveLength(2);
    for (const value of named)
      expect(readAssociatedData(new Given([{ name: 'includeAssociatedData', value }], false))).toBeDefined();
  });
  it('attachments', () => {
    expect(answerTo(/attachments/)).toMatch(/1 MiB.*absolute URL.*relative URL/);
  });
});

/** PDex 2.2.0, §334 to §377. */
describe('E81: docs/regulation.md has a test or a reason for each SHALL about exports', () => {
  const root = new URL('../../../', import.meta.url);
  const text = readFileSync(new URL('docs/regulation.md', root), 'utf8');
  const proofs = text
    .slice(text.indexOf('### Each SHALL of PDex about exports'))
    .split('\n')
    .filter((line) => /^\| \d/.test(line))
    .map((line) => line.split(' | ') as [string, string, string]);
  it('names only tests that exist', () => {
    expect(proofs.length).toBeGreaterThan(12);
    for (const [sections, , proof] of proofs) {
      const [, file, title] = /`([^`]+\.spec\.ts)`: _([^_]+(?:_\w+)*[^_]*)_/.exec(proof) ?? [];
      if (file === undefined) {
        expect(proof, sections).toMatch(/^None: .{20}/);
        continue;
      }
      const spec = readFileSync(new URL(file, root), 'utf8');
      expect(spec.includes(title!), `${sections}: ${file} has no test "${title}"`).toBe(true);
    }
  });
  it('is in the order of the sections, each once', () => {
    const first = proofs.map(([sections]) => Number(/\d+/.exec(sections)![0]));
    expect(first).toEqual([...new Set(first)].toSorted((a, b) => a - b));
    expect([Math.min(...first) >= 334, Math.max(...first) <= 377]).toEqual([true, true]);
  });
});
