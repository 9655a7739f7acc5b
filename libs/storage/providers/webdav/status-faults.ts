import { AccessRefused, ConnectionAway, ConnectionFull, type StorageFault, Throttled } from '../../errors.js';
import { retryAfterMs } from '../../outbound/retry-after.js';

type Header = (name: string) => string | null;

/** What an answer that was not hoped for means. Nothing of its body is repeated: it may come from anywhere. */
export function faultOf(status: number, header: Header): StorageFault {
  const options = { cause: `HTTP ${status}` };
  const quiet = retryAfterMs(header('retry-after'));
  switch (status) {
    case 401:
      return new AccessRefused('The server does not accept the user name and password.', options);
    case 403:
      return new AccessRefused('The server does not allow this with the user name given.', options);
    case 413:
      return new AccessRefused('The server, or a proxy before it, does not take files of this size.', options);
    case 423:
      return new ConnectionAway('The server has this file locked at the moment.', options);
    case 429:
    case 509:
      return new Throttled(quiet, options);
    case 503:
      if (quiet !== null) return new Throttled(quiet, options);
      return new ConnectionAway('The server is busy or in maintenance at the moment.', options);
    case 507:
      return new ConnectionFull(options);
    case 405:
    case 501:
      return new AccessRefused('What answers at this address does not speak enough of WebDAV.', options);
    default:
      if (status >= 500 || [404, 408, 409, 412, 425].includes(status)) {
        return new ConnectionAway('The server could not do what it was asked.', options);
      }
      return new AccessRefused('What answers at this address does not speak WebDAV.', options);
  }
}
