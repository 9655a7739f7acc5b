import type { HeldLock } from '../../files/index.js';
import { hrefOf } from './address.js';

/** The gateway's locks hold by the path, so that a lock's root is told without asking what lies there: no slash at its end. */
export function activeLock(lock: HeldLock): string {
  return (
    '<D:activelock><D:locktype><D:write/></D:locktype>' +
    `<D:lockscope><D:${lock.shared ? 'shared' : 'exclusive'}/></D:lockscope>` +
    `<D:depth>${lock.deep ? 'infinity' : '0'}</D:depth>${lock.owner}` +
    `<D:timeout>Second-${lock.seconds}</D:timeout>` +
    `<D:locktoken><D:href>${lock.token}</D:href></D:locktoken>` +
    `<D:lockroot><D:href>${hrefOf(lock.names, false)}</D:href></D:lockroot></D:activelock>`
  );
}

export const SUPPORTED_LOCKS = ['exclusive', 'shared']
  .map(
    (scope) => `<D:lockentry><D:lockscope><D:${scope}/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry>`,
  )
  .join('');
