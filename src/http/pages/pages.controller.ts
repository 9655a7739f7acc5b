import { Controller, Get, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { Access, Describe, RouteTable } from '../../access/index.js';
import { Config } from '../../config/index.js';
import { openApi } from '../openapi.js';
import { cloudsPage } from './clouds-page.js';
import { docsPage } from './docs-page.js';
import { frontPage } from './front-page.js';
import type { Page } from './page.js';
import { sharePage } from './share-page.js';
import { setUpPage } from './set-up-page.js';

@Controller()
export class PagesController {
  #docs: Page | undefined;
  #document: string | undefined;

  constructor(
    private readonly table: RouteTable,
    private readonly config: Config,
  ) {}

  @Get()
  @Access('public')
  @Describe({
    summary: 'Says what this is and where to go from here: a page for browsers, JSON for others.',
    answers: { 200: { media: 'text/html' } },
    headers: { Accept: 'text/html brings the page' },
  })
  front(@Req() request: Request, @Res() response: Response): void {
    response.vary('Accept');
    if (request.accepts(['json', 'html']) === 'html') return show(frontPage(this.config.publicUrl), response);
    response.json({ name: 'Tessera', docs: '/api/docs' });
  }

  @Get('api/openapi.json')
  @Access('public')
  @Describe({ summary: 'This description, for machines.', answers: { 200: { media: 'application/json' } } })
  document(@Res() response: Response): void {
    this.#document ??= JSON.stringify(openApi(this.table.routes, this.config.publicUrl));
    response.setHeader('Content-Type', 'application/json');
    response.end(this.#document);
  }

  @Get('api/docs')
  @Access('public')
  @Describe({ summary: 'This description, for people.', answers: { 200: { media: 'text/html' } } })
  docs(@Res() response: Response): void {
    this.#docs ??= docsPage(this.table.routes);
    show(this.#docs, response);
  }

  @Get('clouds')
  @Access('public')
  @Describe({
    summary: 'A page to connect clouds by, and to see how they are.',
    answers: { 200: { media: 'text/html' } },
  })
  clouds(@Res() response: Response): void {
    show(cloudsPage, response);
  }

  @Get('s')
  @Access('public')
  @Describe({ summary: 'The page that a share link leads to.', answers: { 200: { media: 'text/html' } } })
  shared(@Res() response: Response): void {
    show(sharePage, response);
  }

  @Get('setup')
  @Access('public')
  @Describe({ summary: 'The page that a one-time link leads to.', answers: { 200: { media: 'text/html' } } })
  setUp(@Res() response: Response): void {
    show(setUpPage, response);
  }
}

function show({ html, policy }: Page, response: Response): void {
  response.setHeader('Content-Security-Policy', policy);
  response.setHeader('Content-Type', 'text/html; charset=utf-8');
  response.end(html);
}
