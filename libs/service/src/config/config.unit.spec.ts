import { expect, test } from 'vitest';
import { z } from 'zod';
import { baseUrl, ConfigurationError, port, readConfig } from './index.ts';

const schema = z.object({ PORT: port.default(8080), PUBLIC_URL: baseUrl.optional() });

test('empty values fall back to defaults', () => {
  expect(readConfig(schema, { PORT: '', PUBLIC_URL: 'https://payer.example/' })).toEqual({
    PORT: 8080,
    PUBLIC_URL: 'https://payer.example',
  });
});

test.each([
  ['PORT', 'eighty'],
  ['PORT', '70000'],
  ['PUBLIC_URL', 'payer.example'],
  ['PUBLIC_URL', 'ftp://payer.example'],
  ['PUBLIC_URL', 'https://payer.example/?a=b'],
])('a wrong %s is refused by name and without its value', (name, value) => {
  expect(() => readConfig(schema, { [name]: value })).toThrow(ConfigurationError);
  expect(() => readConfig(schema, { [name]: value })).toThrow(name);
  expect(() => readConfig(schema, { [name]: value })).not.toThrow(value);
});
