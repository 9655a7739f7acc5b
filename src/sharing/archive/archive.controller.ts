import { Controller, Get, HttpCode, Post, Res } from '@nestjs/common';
import type { Response } from 'express';
import { ArchiveRequest } from '#contracts';
import { Access, type Caller, CurrentCaller, Describe, FromBody, USERS } from '../../access/index.js';
import { parsePath, TreePath, WalkTree, type Names } from '../../files/index.js';
import { SendArchive } from './send-archive.js';

const ZIP = { media: 'application/zip' };
const TOP = 'Files';

/** Several files at once, as one zip that is made while it is sent. */
@Controller('api')
export class ArchiveController {
  constructor(
    private readonly archive: SendArchive,
    private readonly walk: WalkTree,
  ) {}

  @Get(['archive', 'archive/*path'])
  @Access(USERS)
  @Describe({
    summary:
      'A folder with all that is in it, or a file, as one zip. A connection that is cut means that it is not whole.',
    answers: { 200: ZIP },
    problems: ['bad-name', 'content-damaged'],
  })
  folder(@CurrentCaller() caller: Caller, @TreePath() names: Names, @Res() response: Response): Promise<void> {
    const name = names.at(-1) ?? null;
    return this.archive.run(
      caller.accountId,
      [{ entries: this.walk.run(caller.accountId, names), as: name }],
      name ?? TOP,
      response,
    );
  }

  @Post('archive')
  @HttpCode(200)
  @Access(USERS)
  @Describe({
    summary: 'Files and folders from anywhere, as one zip.',
    answers: { 200: ZIP },
    problems: ['bad-name', 'content-damaged'],
  })
  several(
    @CurrentCaller() caller: Caller,
    @FromBody(ArchiveRequest) body: ArchiveRequest,
    @Res() response: Response,
  ): Promise<void> {
    const taken = new Set<string>();
    const wanted = body.paths.map(parsePath).map((names) => {
      return { entries: this.walk.run(caller.accountId, names), as: freeName(names.at(-1) ?? null, taken) };
    });
    return this.archive.run(caller.accountId, wanted, TOP, response);
  }
}

/** Two of one name, from two folders, lie side by side: the second as «name (2)». */
function freeName(name: string | null, taken: Set<string>): string | null {
  if (name === null) return null;
  const [, stem = '', extension = ''] = /^(.+?)(\.[^.]*)?$/s.exec(name) ?? [];
  let free = name;
  for (let nth = 2; taken.has(free); nth++) free = `${stem} (${nth})${extension}`;
  taken.add(free);
  return free;
}
