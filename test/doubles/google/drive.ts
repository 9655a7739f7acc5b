import { DriveRefusal, json, type Reply } from './answering.js';
import type { Grants } from './grants.js';
import type { Received } from './server.js';

/** www.googleapis.com: the Drive API. */
export class Drive {
  constructor(private readonly grants: Grants) {}

  /** Null where the address is none of Drive's. */
  answer(received: Received): Reply | null {
    try {
      return this.route(received);
    } catch (error) {
      if (error instanceof DriveRefusal) return error.reply;
      throw error;
    }
  }

  private route({ method, url, headers }: Received): Reply | null {
    if (`${method} ${url.pathname}` !== 'GET /drive/v3/about') return null;
    const token = this.grants.findAccess(/^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1] ?? '');
    if (!token) throw new DriveRefusal(401, 'authError', 'Invalid Credentials');
    if (!url.searchParams.has('fields'))
      throw new DriveRefusal(400, 'required', "The 'fields' parameter is required for this method.");
    const { id, email, name } = token.grant.user;
    return json(200, {
      user: { kind: 'drive#user', displayName: name, me: true, permissionId: id, emailAddress: email },
      storageQuota: { limit: '16106127360', usage: '0', usageInDrive: '0', usageInDriveTrash: '0' },
    });
  }
}
