import { Controller, Delete, Get, Module, Post } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from 'vitest';
import { Access } from './access.js';
import { UndeclaredRoute } from './faults.js';
import { RouteTable } from './route-table.js';

@Controller('api/things')
class Declared {
  @Get()
  @Access('public')
  list(): void {}

  @Get(':id')
  @Access('signed-in')
  get(): void {}

  @Delete(':id')
  @Access({ roles: ['user'] })
  remove(): void {}

  @Get('deep/*path')
  @Access('public')
  deep(): void {}

  @Get('maybe{/*path}')
  @Access('public')
  maybe(): void {}

  noRoute(): void {}
}

@Controller('api/forgotten')
class Forgetful {
  @Get('fine')
  @Access('public')
  fine(): void {}

  @Post('planted')
  planted(): void {}
}

async function tableOf(...controllers: (new () => object)[]): Promise<RouteTable> {
  @Module({ imports: [DiscoveryModule], controllers, providers: [RouteTable] })
  class Rooms {}
  const app = await Test.createTestingModule({ imports: [Rooms] }).compile();
  await app.init();
  return app.get(RouteTable);
}

describe('the table of routes', () => {
  it('stops the start at a route that does not say who may call it, and names it', async () => {
    const start = tableOf(Declared, Forgetful);
    await expect(start).rejects.toBeInstanceOf(UndeclaredRoute);
    await expect(start).rejects.toThrow(/POST \/api\/forgotten\/planted\.$/);
  });

  it('knows every route of every controller', async () => {
    const { routes } = await tableOf(Declared);
    expect(routes.map(({ method, path, access }) => [method, path, access])).toEqual([
      ['GET', '/api/things', 'public'],
      ['GET', '/api/things/:id', 'signed-in'],
      ['DELETE', '/api/things/:id', { roles: ['user'] }],
      ['GET', '/api/things/deep/*path', 'public'],
      ['GET', '/api/things/maybe{/*path}', 'public'],
    ]);
  });

  it.each([
    ['/api/things', ['GET', 'HEAD']],
    ['/api/things/', ['GET', 'HEAD']],
    ['/api/things/7', ['GET', 'HEAD', 'DELETE']],
    ['/api/things/deep/a/b%20c', ['GET', 'HEAD']],
    ['/api/things/maybe', ['GET', 'HEAD', 'DELETE']],
    ['/api/things/maybe/a/b', ['GET', 'HEAD']],
    ['/api/things/7/8', []],
    ['/api/other', []],
    ['/apiXthings', []],
  ])('tells the methods of %s', async (address, methods) => {
    expect((await tableOf(Declared)).methodsFor(address)).toEqual(methods);
  });
});
