import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { Body, Controller, Module, Post } from '@nestjs/common';
import { expect, it, vi } from 'vitest';
import { Metrics, silentLogger } from '../observability/index.ts';
import { createServiceApp } from './app.ts';

const bodies: unknown[] = [];
@Controller()
class Bodies {
  @Post('body')
  take(@Body() body: unknown): void {
    bodies.push(body);
  }
}
@Module({ controllers: [Bodies] })
class BodiesModule {}

it('takes a body that its sender cuts for the fault of the sender: no error is logged', async () => {
  const error = vi.fn<typeof silentLogger.error>();
  const metrics = new Metrics();
  const app = await createServiceApp(
    { module: BodiesModule },
    {
      name: 'auth',
      ports: { logger: { ...silentLogger, error }, metrics },
    },
  );
  const { routing } = app.getHttpAdapter().getInstance();
  let begun = 0;
  const server = createServer((request, response) => {
    begun++;
    routing(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  for (let i = 0; i < 20; i++) {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.write(
      'POST /body HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"a":',
    );
    await expect.poll(() => begun).toBe(i + 1);
    socket.destroy();
  }
  await expect
    .poll(
      async () =>
        /http_server_request_duration_seconds_count\{[^}]*route="\/body"[^}]*\} (\d+)/.exec(await metrics.text())?.[1],
    )
    .toBe('20');
  expect(bodies).toEqual([]);
  expect(error).not.toHaveBeenCalled();
  await app.close();
  server.close();
});
