import { describe, expect, it } from 'vitest';
import type { V1EndpointSlice } from '@kubernetes/client-node';
import { endpointsOf } from './services.ts';

const slice = (endpoints: V1EndpointSlice['endpoints'], name = 'a'): V1EndpointSlice => ({
  addressType: 'IPv4',
  metadata: { namespace: 'n', labels: { 'kubernetes.io/service-name': name } },
  ports: [{ name: 'http', port: 8080 }],
  endpoints,
});
const service = { metadata: { name: 'a', namespace: 'n' } };

describe('endpoints of a Service', () => {
  it('are those that are ready and not going', () => {
    const slices = [
      slice([
        { addresses: ['10.244.1.3'], conditions: { ready: true } },
        { addresses: ['10.244.1.2'], conditions: { ready: true } },
        { addresses: ['10.244.1.4'], conditions: { ready: false } },
        { addresses: ['10.244.1.5'], conditions: { ready: true, terminating: true } },
      ]),
      slice([{ addresses: ['10.244.1.9'], conditions: { ready: true } }], 'b'),
    ];
    expect(endpointsOf(slices, service, { name: 'http', port: 80 })).toEqual(['10.244.1.2:8080', '10.244.1.3:8080']);
  });
  it('are none where the API server says null, or no such port', () => {
    expect(endpointsOf([slice(null as never)], service, { name: 'http', port: 80 })).toEqual([]);
    expect(endpointsOf([slice([{ addresses: ['10.244.1.2'] }])], service, { name: 'other', port: 80 })).toEqual([]);
  });
});
