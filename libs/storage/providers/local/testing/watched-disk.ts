import type { FileHandle } from 'node:fs/promises';
import { type Disk, disk as realDisk } from '../disk.js';

/** One call on the file system: `open`, `link`, …, and with a dot what is done with an open file: `file.writev`, `file.sync`, … */
export interface DiskCall {
  readonly name: string;
  readonly path: string;
  /** What it is called with; a watcher may put something else in before it runs the call. */
  readonly args: unknown[];
}

/** Stands around every call. It may run it, look at it, run something else, or fail. */
export type Watcher = (call: DiskCall, run: () => Promise<unknown>) => Promise<unknown>;

export function watchedDisk(watch: Watcher, disk: Disk = realDisk): Disk {
  const watched = Object.entries(disk).map(([name, call]) => [
    name,
    (...args: unknown[]) => {
      const path = String(args[0]);
      const run = async (): Promise<unknown> => {
        const result = await (call as (...given: unknown[]) => Promise<unknown>)(...args);
        return name === 'open' ? watchedFile(result as FileHandle, path, watch) : result;
      };
      return watch({ name, path, args }, run);
    },
  ]);
  return Object.fromEntries(watched) as Disk;
}

function watchedFile(file: FileHandle, path: string, watch: Watcher): FileHandle {
  return new Proxy(file, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function' || typeof name !== 'string') return member;
      return (...args: unknown[]) =>
        watch({ name: `file.${name}`, path, args }, () => member.apply(target, args) as Promise<unknown>);
    },
  });
}

/** An error as the file system makes it. */
export function diskError(code: string, syscall = 'write'): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: as if, ${syscall} '/secret/place'`), { code, syscall, errno: -1 });
}
