import { constants } from 'node:fs';
import { link, lstat, mkdir, open, readdir, rename, rmdir, statfs, stat, unlink } from 'node:fs/promises';

/** Every call that a local vault makes on the file system: the one place to record, cut or break it in a test. */
export const disk = { open, link, unlink, rename, mkdir, rmdir, readdir, lstat, stat, statfs };
export type Disk = typeof disk;

/** Windows has neither; nothing else lies in a folder of ours there that could lead elsewhere. */
const notThroughLinks = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

export const createFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | notThroughLinks;
export const readFlags = constants.O_RDONLY | notThroughLinks;
export const folderFlags = constants.O_RDONLY | (constants.O_DIRECTORY ?? 0);

export const fileMode = 0o600;
export const folderMode = 0o700;
