import Fastify from 'fastify';

/**
 * A bare Fastify handler in a process of its own, so that a read is compared with it by CPU time. It answers each path
 * with one body of the length in its argument. Prints its port.
 */
const body = 'x'.repeat(Number(process.argv[2]));
const app = Fastify();
app.get('/*', (_request, reply) => reply.header('content-type', 'application/fhir+json').send(body));
console.log(new URL(await app.listen({ port: 0, host: '127.0.0.1' })).port);
