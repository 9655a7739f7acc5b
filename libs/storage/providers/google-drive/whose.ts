import { ConnectionAway } from '../../errors.js';
import type { RemoteAccount } from '../../oauth/rules.js';
import { DriveApi } from './drive-api.js';
import { Wire, type WirePlace } from './wire.js';

/** Drive's own id of the user, which stays when the address changes. It needs no scope beyond our files. */
export async function askWhose(place: WirePlace): Promise<RemoteAccount> {
  const wire = new Wire(place);
  try {
    const { user } = await new DriveApi(wire).about('user(permissionId,emailAddress)');
    if (!user) throw new ConnectionAway('Google does not say whose account this is.');
    return { id: user.permissionId, name: user.emailAddress ?? user.permissionId };
  } finally {
    wire.close();
  }
}
