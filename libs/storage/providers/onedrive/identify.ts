import type { AccessTokens, RemoteAccount } from '../../oauth/rules.js';
import { Graph } from './graph.js';
import { faultOf, WiderConsentNeeded } from './graph-faults.js';
import { NotUnderstood, readDrive, readItem } from './items.js';
import { Wire } from './wire.js';

interface Asked {
  readonly tokens: AccessTokens;
  readonly origin: string | null;
}

/** The drive's own id stays; names and addresses change hands. */
export async function identify({ tokens, origin }: Asked): Promise<RemoteAccount> {
  const wire = new Wire({ tokens, origin });
  try {
    return await ownerOf(new Graph(wire));
  } finally {
    wire.close();
  }
}

/** With the narrow permission some drives tell nothing of themselves; the application's folder then says where it lies. */
async function ownerOf(graph: Graph): Promise<RemoteAccount> {
  const drive = await graph.get('/me/drive', { $select: 'id,driveType,owner' }, { accept: [403] });
  if (drive.status !== 403) {
    const { id, owner } = readDrive(drive.json);
    return { id, name: owner ?? 'OneDrive' };
  }
  const app = await graph.get('/me/drive/special/approot', { $select: 'id,parentReference' }, { accept: [403] });
  if (app.status === 403) throw new WiderConsentNeeded({ cause: faultOf(app) });
  const { driveId } = readItem(app.json);
  if (driveId === null) throw new NotUnderstood();
  return { id: driveId, name: 'OneDrive' };
}
