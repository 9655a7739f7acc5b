import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import type { Resolve } from '../../outbound/index.js';

export interface NameServer {
  /** Asks this server and nobody else. */
  readonly resolve: Resolve;
  /** Questions for IPv4 addresses so far. */
  readonly asked: () => number;
  stop(): Promise<void>;
}

/** A name server that changes its mind: question by question it answers as `answers` says, the last for ever. */
export async function startNameServer(answers: readonly (readonly string[])[]): Promise<NameServer> {
  let asked = 0;
  const socket = createSocket('udp4');
  socket.on('message', (question, { port, address }) => {
    const addresses = answers[Math.min(asked++, answers.length - 1)] ?? [];
    socket.send(answerTo(question, addresses), port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const resolver = new Resolver({ timeout: 2000, tries: 1 });
  resolver.setServers([`127.0.0.1:${socket.address().port}`]);
  return {
    asked: () => asked,
    resolve: async (name) => (await resolver.resolve4(name)).map((address) => ({ address, family: 4 })),
    stop: async () => {
      resolver.cancel();
      const closed = once(socket, 'close');
      socket.close();
      await closed;
    },
  };
}

/** RFC 1035, one question, addresses that may be kept for no second. */
function answerTo(question: Buffer, addresses: readonly string[]): Buffer {
  const head = Buffer.from(question.subarray(0, 12));
  head.writeUInt16BE(0x8180, 2);
  head.writeUInt16BE(addresses.length, 6);
  head.writeUInt32BE(0, 8);
  let end = 12;
  while (question[end] !== 0) end += question[end]! + 1;
  const asked = question.subarray(12, end + 5);
  const records = addresses.map((address) =>
    Buffer.from([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...address.split('.').map(Number)]),
  );
  return Buffer.concat([head, asked, ...records]);
}
