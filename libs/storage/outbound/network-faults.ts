import { ConnectionAway, StorageFault } from '../errors.js';

const nameless = ['ENOTFOUND', 'EAI_AGAIN', 'EAI_NODATA', 'ENODATA', 'ESERVFAIL', 'ETIMEOUT', 'EREFUSED'];
const untrusted = /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH|EPROTO$)/;

/**
 * What the network said, in coarse words: the finer ones would tell what answers inside a private network.
 * What is no word of the network (a bug, an abort, an error of the body) stays as it is.
 */
export function asNetworkFault(error: unknown): unknown {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  if (error instanceof StorageFault || code === undefined || code === 'ABORT_ERR') return error;
  const options = { cause: error };
  if (nameless.includes(code)) return new ConnectionAway('The name of the server cannot be found.', options);
  if (untrusted.test(code)) {
    return new ConnectionAway('The server could not prove who it is: its certificate is not trusted.', options);
  }
  if (code.startsWith('HPE_')) return new ConnectionAway('The server does not answer as a web server does.', options);
  return new ConnectionAway('The server cannot be reached, or broke off.', options);
}
