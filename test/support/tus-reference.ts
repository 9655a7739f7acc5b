import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { DataStore, Server, Upload } from '@tus/server';

/** The protocol's own server, over a store in memory: what it answers, ours has to answer. */
export async function startTusReference(): Promise<{ url: string; stop(): Promise<void> }> {
  const tus = new Server({ path: '/api/uploads', datastore: new MemoryStore(), respectForwardedHeaders: false });
  const server = createServer((request, response) => void tus.handle(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

class MemoryStore extends DataStore {
  private readonly files = new Map<string, { upload: Upload; bytes: Buffer }>();
  override extensions = ['creation', 'creation-with-upload', 'creation-defer-length', 'termination'];

  override async create(upload: Upload): Promise<Upload> {
    this.files.set(upload.id, { upload, bytes: Buffer.alloc(0) });
    return upload;
  }

  override async write(stream: Readable, id: string, offset: number): Promise<number> {
    const file = this.file(id);
    file.bytes = Buffer.concat([file.bytes.subarray(0, offset), await buffer(stream)]);
    file.upload.offset = file.bytes.length;
    return file.bytes.length;
  }

  override async getUpload(id: string): Promise<Upload> {
    const { upload } = this.file(id);
    return new Upload({ id, size: upload.size, offset: upload.offset, metadata: upload.metadata });
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
