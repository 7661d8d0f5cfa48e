import { Req, RequestMapping, RequestMethod, Res } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Outcome } from './answer.ts';
import type { Asked } from './asked.ts';
import type { Descriptor } from './descriptor.ts';
import { Frame, type Handler } from './frame.ts';

type HandlerOf<D extends Descriptor> = (asked: Asked<D>) => Outcome<D> | Promise<Outcome<D>>;

/** By the prototype of the controller. */
const declared = new WeakMap<object, Descriptor[]>();

/**
 * Declares what a method of a controller answers: one operation, or several that differ in their route alone. The
 * frame admits and reads each request before the method, and records and sends after it.
 */
export const Operation =
  <D extends Descriptor>(...operations: readonly D[]) =>
  <H extends HandlerOf<D>>(target: object, _key: string, { value }: TypedPropertyDescriptor<H>): void => {
    for (const operation of operations) {
      const frame = new Frame(operation, value as unknown as Handler);
      const [method, path] = operation.route.split(' ') as ['GET', string];
      // HEAD first, because Fastify adds one to each GET that has none.
      for (const verb of operation.head === true ? (['HEAD', method] as const) : [method])
        addRoute(target, verb, path, operation, frame);
    }
    const known = declared.get(target) ?? [];
    known.push(...operations);
    declared.set(target, known);
  };

/** Adds a method that Nest calls for the route. */
function addRoute(target: object, verb: 'GET' | 'HEAD', path: string, operation: Descriptor, frame: Frame): void {
  const name = `${verb} ${path}`;
  const property = {
    value(this: unknown, request: FastifyRequest, reply: FastifyReply): Promise<void> {
      return frame.answer(this, request, reply);
    },
  };
  Object.defineProperty(target, name, property);
  Req()(target, name, 0);
  Res()(target, name, 1);
  const pattern = path.replaceAll(/\{(\w+)\}/g, ':$1');
  for (const decorate of [RequestMapping({ path: pattern, method: RequestMethod[verb] }), RouteConfig({ operation })])
    decorate(target, name, property);
}

/** The operations that controllers declare, in their order. */
export const operationsOf = (controllers: Iterable<{ readonly prototype: unknown }>): readonly Descriptor[] =>
  [...controllers].flatMap(({ prototype }) => declared.get(prototype as object) ?? []);
