import { textOf } from '@provider-access/events';
import 'reflect-metadata';
import { Catch, Controller, type ExceptionFilter, Module, type Type, UseFilters } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { EMPTY, type Observable, of, throwError } from 'rxjs';
import { eventually } from '@provider-access/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openMemoryLog } from '../memory/index.ts';
import type { Batch, EventLog, NewRecord } from '../port.ts';
import { EventLogTransport, OnAssigned, OnBatch } from './index.ts';

const record = (value: string): NewRecord => ({ key: 'k', partitionKey: 'k', headers: {}, value });
const text = (batch: Batch): string[] => batch.records.map(textOf);
const open: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

async function start(log: EventLog, controller: Type): Promise<EventLogTransport> {
  class Service {}
  Module({ controllers: [controller] })(Service);
  const strategy = new EventLogTransport({ log });
  const app = await NestFactory.createMicroservice(Service, { strategy, logger: false, abortOnError: false });
  open.unshift(app);
  await app.listen();
  return strategy;
}

const log1 = (): EventLog => {
  const log = openMemoryLog({ partitions: 1 });
  open.push(log);
  return log;
};

describe('EventLogTransport', () => {
  it('delivers batches to @EventPattern methods and commits when they resolve', async () => {
    const seen: string[][] = [];
    @Controller()
    class Intake {
      @EventPattern({ group: 'g', topics: ['a', 'b'], maxRecords: 2 })
      async take(@Payload() batch: Batch): Promise<void> {
        seen.push([batch.topic, ...text(batch)]);
      }
    }
    const log = log1();
    await log.append('a', ['1', '2', '3'].map(record));
    await start(log, Intake);
    await log.append('b', [record('4')]);
    await eventually(async () => seen.length === 3 && (await log.committed('g', ['a', 'b']))['a']![0] === 3);
    expect(seen.sort()).toEqual([
      ['a', '1', '2'],
      ['a', '3'],
      ['b', '4'],
    ]);
    expect(await log.committed('g', ['a', 'b'])).toEqual({ a: [3], b: [1] });
  });

  it('calls @OnAssigned before the first batch and waits for it', async () => {
    const seen: string[] = [];
    @Controller()
    class Intake {
      @OnAssigned({ group: 'g' })
      async assigned(
        @Payload() partitions: readonly { readonly topic: string; readonly partition: number }[],
      ): Promise<void> {
        await new Promise((resolve) => setImmediate(resolve));
        seen.push(...partitions.map((p) => `${p.topic}/${p.partition}`));
      }
      @OnBatch({ group: 'g', topics: ['a'] })
      async take(@Payload() batch: Batch): Promise<void> {
        seen.push(...text(batch));
      }
    }
    const log = log1();
    await log.append('a', [record('1')]);
    await start(log, Intake);
    await eventually(() => seen.length === 2);
    expect(seen).toEqual(['a/0', '1']);
  });

  @Catch()
  class Swallows implements ExceptionFilter {
    catch(): Observable<never> {
      return EMPTY;
    }
  }
  @Catch()
  class Answers implements ExceptionFilter {
    catch(): Observable<string> {
      return of('sorry');
    }
  }
  it.each([
    ['rejects', () => Promise.reject(new Error('secret member 123')), undefined],
    [
      'throws',
      () => {
        throw new Error('secret member 123');
      },
      undefined,
    ],
    ['returns a failing stream', () => throwError(() => new Error('secret member 123')), undefined],
    ['rejects with no error', () => Promise.reject('secret member 123'), undefined],
    ['fails behind a filter that swallows', () => Promise.reject(new Error('secret member 123')), Swallows],
    ['fails behind a filter that answers', () => Promise.reject(new Error('secret member 123')), Answers],
  ] as const)('does not commit when the handler %s, and delivers the same batch again', async (_name, fail, filter) => {
    const seen: string[][] = [];
    let healthy = false;
    @Controller()
    class Intake {
      @OnBatch({ group: 'g', topics: ['a'] })
      take(@Payload() batch: Batch): unknown {
        seen.push(text(batch));
        return healthy ? Promise.resolve() : fail();
      }
    }
    if (filter !== undefined) UseFilters(filter)(Intake);
    const log = log1();
    await log.append('a', [record('1'), record('2')]);
    const subscribed = vi.spyOn(log, 'subscribe');
    await start(log, Intake);
    const subscription = await subscribed.mock.results[0]!.value;
    await eventually(() => seen.length >= 3 && subscription.failure() !== undefined);
    expect(await log.committed('g', ['a'])).toEqual({ a: [0] });
    expect(subscription.failure()).not.toContain('123');
    healthy = true;
    await eventually(async () => (await log.committed('g', ['a']))['a']![0] === 2);
    await eventually(() => subscription.failure() === undefined);
    expect(new Set(seen.map((each) => each.join()))).toEqual(new Set(['1,2']));
  });

  it('waits on close for running handlers, and delivers nothing afterwards', async () => {
    let finish!: () => void;
    let began = 0;
    @Controller()
    class Intake {
      @OnBatch({ group: 'g', topics: ['a'] })
      async take(): Promise<void> {
        began++;
        await new Promise<void>((resolve) => (finish = resolve));
      }
    }
    const log = log1();
    await log.append('a', [record('1')]);
    const transport = await start(log, Intake);
    await eventually(() => began === 1);
    let closed = false;
    const closing = transport.close().then(() => (closed = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(closed).toBe(false);
    finish();
    await closing;
    await log.append('a', [record('2')]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(began).toBe(1);
    expect(await log.committed('g', ['a'])).toEqual({ a: [1] });
  });

  it('refuses patterns that it cannot serve', async () => {
    @Controller()
    class Asks {
      @MessagePattern({ group: 'g', topics: ['a'] })
      take(_data: unknown): void {
        /* never called */
      }
    }
    @Controller()
    class Plain {
      @EventPattern('a')
      take(_data: unknown): void {
        /* never called */
      }
    }
    @Controller()
    class Twice {
      @OnBatch({ group: 'g', topics: ['a'] })
      one(): void {
        /* never called */
      }
      @OnBatch({ group: 'g', topics: ['a'] })
      two(): void {
        /* never called */
      }
    }
    for (const controller of [Asks, Plain, Twice]) await expect(start(log1(), controller)).rejects.toThrow(TypeError);
  });
});
