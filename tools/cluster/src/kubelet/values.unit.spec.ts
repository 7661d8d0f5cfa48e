import { describe, expect, it } from 'vitest';
import type { V1Pod } from '@kubernetes/client-node';
import { expand, field, quantity, resource } from './values.ts';

describe('the values in a pod', () => {
  it('expands known variables, leaves unknown ones and escaped ones', () => {
    expect(expand('$(A)-$(B)-$$(A)', { A: '1' })).toBe('1-$(B)-$(A)');
  });
  it('reads quantities', () => {
    expect([quantity('512Mi'), quantity('250m'), quantity('2'), quantity('1G')]).toEqual([536_870_912, 0.25, 2, 1e9]);
    expect(() => quantity('much')).toThrow('much is no quantity');
  });
  it('gives limits in units of the divisor, rounded up, and the node where there is none', () => {
    const container = { name: 'c', resources: { limits: { memory: '1500Ki', cpu: '250m' } } };
    expect(resource(container, 'limits.memory', '1Mi')).toBe('2');
    expect(resource(container, 'limits.cpu', undefined)).toBe('1');
    expect(resource({ name: 'c' }, 'limits.cpu', '1')).toBe('32');
  });
  it('knows the fields of the downward API, and says which it does not know', () => {
    const pod: V1Pod = {
      metadata: { name: 'p', namespace: 'n', labels: { 'a.b/c': 'd' } },
      spec: { containers: [], nodeName: 'node-a' },
    };
    expect(
      [
        'metadata.name',
        "metadata.labels['a.b/c']",
        "metadata.annotations['x']",
        'status.podIP',
        'status.hostIP',
        'spec.nodeName',
      ].map((path) => field(pod, path, '10.244.1.2')),
    ).toEqual(['p', 'd', '', '10.244.1.2', '10.244.0.1', 'node-a']);
    expect(() => field(pod, 'status.magic', '')).toThrow('field status.magic is not known');
  });
});
