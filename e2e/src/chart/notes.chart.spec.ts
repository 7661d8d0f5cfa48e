import { expect, test } from 'vitest';
import { describeUnless } from '../describe-unless.ts';
import { exampleValues } from './examples.ts';
import { noHelm } from '@provider-access/cluster/programs';
import { template } from './helm.ts';

const notes = async (example: string, values = {}): Promise<string> => {
  const { text, errors } = await template([exampleValues(example), values], {
    command: ['install', '--dry-run=client'],
  });
  expect(errors).not.toContain('Error');
  return text.slice(text.indexOf('\nNOTES:'));
};

describeUnless(noHelm, 'notes after an installation', () => {
  test('the notes say where providers and payers go, and what to do next', async () => {
    const said = await notes('production');
    expect(said).toContain('Providers use https://fhir.payer.example/fhir');
    expect(said).toContain('POST to /events of provider-access.internal.payer.example');
    expect(said).toContain('helm test provider-access -n provider-access --logs');
    expect(said).not.toContain('Warning');
  });

  test('the notes warn of what is open', async () => {
    const said = await notes('small', { ingress: { enabled: false }, networkPolicy: { enabled: false } });
    expect(said).toContain('Nothing of this chart routes there yet');
    expect(said).toContain('Warning: there is no NetworkPolicy');
    expect(await notes('small', { ingress: { tls: { enabled: false } } })).toContain('Warning: the Ingress has no TLS');
  });
});
