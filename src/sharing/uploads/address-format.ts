import { Encoding } from '#crypto';

/** What a signed address allows: one account, one path, until when, how much. */
export interface Allowed {
  readonly account: string;
  /** A changed password, or whatever else makes credentials worthless, makes addresses worthless too. */
  readonly credentialVersion: number;
  /** Seconds since 1970. */
  readonly until: number;
  readonly mostBytes: number | null;
  readonly replace: boolean;
  readonly path: string;
}

const FORMAT = 1;
const FIXED = 1 + 16 + 4 + 8 + 8 + 1;
const MAC_LENGTH = 32;
const EPOCH_LENGTH = 4;
const NO_LIMIT = 0xffff_ffff_ffff_ffffn;

/** Fixed widths, then the path to the end: no two different things encode alike. */
export function encodeAllowed(allowed: Allowed): Buffer {
  const { account, credentialVersion, until, mostBytes, replace } = allowed;
  const path = Buffer.from(allowed.path);
  const fixed = new Encoding().u8(FORMAT).uuid(account).u32(credentialVersion).u64(until).u64OrNone(mostBytes);
  return fixed
    .u8(replace ? 1 : 0)
    .bytes(path, path.length)
    .finish();
}

/** Only what was signed is decoded. Null for another format. */
export function decodeAllowed(payload: Buffer): Allowed | null {
  if (payload.length < FIXED || payload.readUInt8(0) !== FORMAT) return null;
  const id = payload.toString('hex', 1, 17);
  const limit = payload.readBigUInt64BE(29);
  return {
    account: [id.slice(0, 8), id.slice(8, 12), id.slice(12, 16), id.slice(16, 20), id.slice(20)].join('-'),
    credentialVersion: payload.readUInt32BE(17),
    until: Number(payload.readBigUInt64BE(21)),
    mostBytes: limit === NO_LIMIT ? null : Number(limit),
    replace: payload.readUInt8(37) === 1,
    path: payload.toString('utf8', FIXED),
  };
}

export function joinAddress(payload: Buffer, { epoch, mac }: { epoch: number; mac: Buffer }): string {
  return Buffer.concat([mac, new Encoding().u32(epoch).finish(), payload]).toString('base64url');
}

/** Null for what cannot be an address, and for one that is spelled in another way than ours. */
export function splitAddress(address: string): { payload: Buffer; epoch: number; mac: Buffer } | null {
  const bytes = Buffer.from(address, 'base64url');
  if (bytes.length < MAC_LENGTH + EPOCH_LENGTH || bytes.toString('base64url') !== address) return null;
  return {
    mac: bytes.subarray(0, MAC_LENGTH),
    epoch: bytes.readUInt32BE(MAC_LENGTH),
    payload: bytes.subarray(MAC_LENGTH + EPOCH_LENGTH),
  };
}
