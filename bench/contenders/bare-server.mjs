// The trade without the product: receives a body, hashes it, cuts it into chunks, seals each under a key of its own in
// frames, digests what is sealed, and brings it to disk; and back. No accounts, no database, no tree, no budget, no
// manifest; the keys live in memory only. What the gateway takes beyond this is the price of everything else.
import '../../dist/src/process-settings.js';
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { open, rename, unlink } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { Blake3Hasher } from '@napi-rs/blake-hash';

// As scripts/start.mjs does.
process.env.UV_THREADPOOL_SIZE ??= '16';

const CHUNK = 8 * 1024 * 1024;
const FRAME = 64 * 1024;
const TAG = 16;
const HEADER = 64;
const SMALLEST = 4096;
/** A mebibyte or so in one call. */
const WRITTEN_AT_ONCE = 1024 * 1024;
const FRAMES_READ_AT_ONCE = 16;
/** One chunk is filled while so many are being written. */
const WRITING_AT_ONCE = 2;

const [folder, port] = process.argv.slice(2);
const files = new Map();
let written = 0;

createServer((request, response) => {
  const work = { PUT: store, GET: serve }[request.method];
  work(request, response).catch((error) => {
    console.error(error);
    response.destroy();
  });
}).listen(Number(port), '127.0.0.1');

async function store(request, response) {
  const length = Number(request.headers['content-length']);
  const hash = createHash('sha256');
  const chunks = [];
  const writing = new Set();
  let filling = null;
  let received = 0;
  for await (const piece of request) {
    hash.update(piece);
    for (let rest = piece; rest.length > 0;) {
      filling ??= new Sealing(Math.min(CHUNK, length - received));
      const taken = rest.subarray(0, filling.missing);
      filling.add(taken);
      received += taken.length;
      rest = rest.subarray(taken.length);
      if (filling.missing > 0) continue;
      filling.finish();
      chunks.push(filling.chunk);
      const write = bring(filling).finally(() => writing.delete(write));
      writing.add(write);
      filling = null;
      if (writing.size >= WRITING_AT_ONCE) await Promise.race(writing);
    }
  }
  await Promise.all(writing);
  const sha256 = hash.digest('hex');
  const former = files.get(request.url);
  files.set(request.url, { length, chunks });
  response.writeHead(201, { 'Content-Type': 'application/json' }).end(JSON.stringify({ length, sha256 }));
  for (const { name } of former?.chunks ?? []) await unlink(join(folder, name));
}

class Sealing {
  sealed = [];
  digest = new Blake3Hasher();
  frame = 0;
  cipher = null;
  encrypted = 0;
  leftInFrame = 0;

  constructor(length) {
    const key = randomBytes(32);
    const messageId = randomBytes(32);
    const { frameKey, commitment } = derive(key, messageId);
    this.missing = length;
    this.padded = Math.max(length, SMALLEST);
    this.frameKey = frameKey;
    this.chunk = { name: `blob-${written++}`, key, messageId, length, padded: this.padded };
    this.keep(Buffer.concat([messageId, commitment]));
  }

  add(plain) {
    this.missing -= plain.length;
    this.encrypt(plain);
  }

  finish() {
    if (this.encrypted < this.padded) this.encrypt(Buffer.alloc(this.padded - this.encrypted));
    this.chunk.digest = this.digest.digestBuffer();
  }

  encrypt(plain) {
    for (let rest = plain; rest.length > 0;) {
      this.cipher ??= this.nextFrame();
      const taken = rest.subarray(0, this.leftInFrame);
      this.keep(this.cipher.update(taken));
      this.encrypted += taken.length;
      this.leftInFrame -= taken.length;
      rest = rest.subarray(taken.length);
      if (this.leftInFrame > 0) continue;
      this.cipher.final();
      this.keep(this.cipher.getAuthTag());
      this.cipher = null;
    }
  }

  nextFrame() {
    const left = this.padded - this.encrypted;
    this.leftInFrame = Math.min(left, FRAME);
    const nonce = nonceOf(this.frame++, left <= FRAME);
    return createCipheriv('aes-256-gcm', this.frameKey, nonce, { authTagLength: TAG });
  }

  keep(piece) {
    this.digest.update(piece);
    this.sealed.push(piece);
  }
}

/** When it returns, the chunk survives a power cut. */
async function bring({ chunk, sealed }) {
  const path = join(folder, chunk.name);
  const file = await open(`${path}.new`, 'wx', 0o600);
  try {
    let batch = [];
    let length = 0;
    for (const piece of sealed) {
      batch.push(piece);
      length += piece.length;
      if (length < WRITTEN_AT_ONCE) continue;
      await writeBatch(file, batch, length);
      [batch, length] = [[], 0];
    }
    if (length > 0) await writeBatch(file, batch, length);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  const shelf = await open(folder, 'r');
  await shelf.sync().finally(() => shelf.close());
}

async function writeBatch(file, batch, length) {
  const { bytesWritten } = await file.writev(batch);
  if (bytesWritten !== length) throw new Error('the disk took less than it was given');
}

async function serve(request, response) {
  const file = files.get(request.url);
  if (!file) return void response.end();
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
  const [from, to] = range ? [Number(range[1]), Number(range[2]) + 1] : [0, file.length];
  response.writeHead(range ? 206 : 200, { 'Content-Length': to - from });
  const sealed = Buffer.allocUnsafeSlow(
    Math.min(FRAMES_READ_AT_ONCE, Math.ceil((to - from) / FRAME) + 1) * (FRAME + TAG),
  );
  for (let at = from; at < to;) {
    const index = Math.floor(at / CHUNK);
    const begins = index * CHUNK;
    const end = Math.min(to - begins, file.chunks[index].length);
    for await (const plain of read(file.chunks[index], at - begins, end, sealed)) {
      if (!response.write(plain)) await once(response, 'drain');
    }
    at = begins + end;
  }
  response.end();
}

async function* read(chunk, from, to, sealed) {
  const { frameKey } = derive(chunk.key, chunk.messageId);
  const lastFrame = Math.ceil(chunk.padded / FRAME) - 1;
  const sealedEnd = HEADER + chunk.padded + (lastFrame + 1) * TAG;
  const file = await open(join(folder, chunk.name), 'r');
  try {
    for (let frame = Math.floor(from / FRAME); frame * FRAME < to;) {
      const after = Math.min(frame + FRAMES_READ_AT_ONCE, Math.ceil(to / FRAME));
      const position = HEADER + frame * (FRAME + TAG);
      const length = Math.min(HEADER + after * (FRAME + TAG), sealedEnd) - position;
      await file.read(sealed, 0, length, position);
      for (let offset = 0; frame < after; frame++, offset += FRAME + TAG) {
        const plain = openFrame(
          frameKey,
          nonceOf(frame, frame === lastFrame),
          sealed.subarray(offset, offset + FRAME + TAG),
        );
        yield plain.subarray(Math.max(0, from - frame * FRAME), to - frame * FRAME);
      }
    }
  } finally {
    await file.close();
  }
}

function openFrame(key, nonce, sealed) {
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG });
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG));
  const plain = decipher.update(sealed.subarray(0, sealed.length - TAG));
  decipher.final();
  return plain;
}

function derive(key, messageId) {
  const both = Buffer.from(hkdfSync('sha512', key, messageId, 'bench', 64));
  return { frameKey: both.subarray(0, 32), commitment: both.subarray(32) };
}

function nonceOf(frame, last) {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(frame, 7);
  nonce[11] = last ? 1 : 0;
  return nonce;
}
