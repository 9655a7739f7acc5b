import { Controller, Options, Res } from '@nestjs/common';
import type { Response } from 'express';
import { Access, Describe } from '../../access/index.js';

const METHODS = 'OPTIONS, GET, HEAD, PUT, DELETE, PROPFIND, PROPPATCH, MKCOL, COPY, MOVE, LOCK, UNLOCK';

/**
 * What the door can do, said before anybody has signed in: nothing of it is anybody's. Windows asks the server's top before it
 * asks for a folder, and goes away where that is no WebDAV.
 */
@Controller()
export class GreetController {
  @Options(['', 'dav', 'dav/*path'])
  @Access('public')
  @Describe({ summary: 'Says that WebDAV of the classes 1, 2 and 3 is spoken below /dav/.', answers: { 200: null } })
  greet(@Res() response: Response): void {
    response.setHeader('DAV', '1, 2, 3');
    response.setHeader('MS-Author-Via', 'DAV');
    response.setHeader('Allow', METHODS);
    response.setHeader('Public', METHODS);
    response.setHeader('Accept-Ranges', 'bytes');
    response.setHeader('Content-Length', 0);
    response.end();
  }
}
