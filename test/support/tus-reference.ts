import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Readable } from 'node:stream';
import { DataStore, Server, Upload } from '@tus/server';

export interface TusReference {
  readonly url: string;
  /** Ends the time of an upload. */
  expire(place: string): void;
  stop(): Promise<void>;
}

/** The protocol's own server, over a store in memory: what it answers, ours has to answer. */
export async function startTusReference(): Promise<TusReference> {
  const store = new MemoryStore();
  const tus = new Server({ path: '/api/uploads', datastore: store, respectForwardedHeaders: false });
  const server = createServer((request, response) => void tus.handle(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    expire: (place) => store.expire(place.split('/').at(-1)!),
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const DAY_MS = 86_400_000;

class MemoryStore extends DataStore {
  private readonly files = new Map<string, { upload: Upload; bytes: Buffer }>();
  override extensions = ['creation', 'creation-with-upload', 'creation-defer-length', 'termination', 'expiration'];

  override async create(upload: Upload): Promise<Upload> {
    this.files.set(upload.id, { upload, bytes: Buffer.alloc(0) });
    return upload;
  }

  /** What comes before a connection breaks counts, as the protocol has it. */
  override async write(stream: Readable, id: string, offset: number): Promise<number> {
    const file = this.file(id);
    file.bytes = file.bytes.subarray(0, offset);
    for await (const piece of stream) {
      file.bytes = Buffer.concat([file.bytes, piece as Buffer]);
      file.upload.offset = file.bytes.length;
    }
    return file.bytes.length;
  }

  override async getUpload(id: string): Promise<Upload> {
    const { size, offset, metadata, creation_date } = this.file(id).upload;
    return new Upload({ id, size, offset, metadata, creation_date });
  }

  override getExpiration(): number {
    return DAY_MS;
  }

  expire(id: string): void {
    this.file(id).upload.creation_date = new Date(Date.now() - 2 * DAY_MS).toISOString();
  }

  override async declareUploadLength(id: string, size: number): Promise<void> {
    this.file(id).upload.size = size;
  }

  override async remove(id: string): Promise<void> {
    this.file(id);
    this.files.delete(id);
  }

  private file(id: string): { upload: Upload; bytes: Buffer } {
    const file = this.files.get(id);
    if (!file) throw Object.assign(new Error('The file for this url was not found'), { status_code: 404, body: '' });
    return file;
  }
}
