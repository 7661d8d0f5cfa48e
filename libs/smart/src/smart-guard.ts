import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Authenticator, SmartContext } from './authenticate.ts';

/** Provided by the module that uses SmartGuard: an Authenticator. */
export const SMART = Symbol('smart.Authenticator');

export interface SmartRequest extends FastifyRequest {
  smart: SmartContext;
}

/** Permits approved clients with a valid access token and sets `request.smart`. */
@Injectable()
export class SmartGuard implements CanActivate {
  constructor(@Inject(SMART) private readonly authenticator: Authenticator) {}
  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const request = context.switchToHttp().getRequest<SmartRequest>();
    const found = this.authenticator.authenticate(request);
    if (!(found instanceof Promise)) {
      request.smart = found;
      return true;
    }
    return found.then((smart) => {
      request.smart = smart;
      return true;
    });
  }
}
