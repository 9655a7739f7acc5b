import type { Socket } from 'node:net';
import { LONGEST_LINE } from './questions.js';

/** Hands over whole lines; whoever sends a longer one than anybody needs is hung up on. */
export function onLines(socket: Socket, take: (line: string) => void): void {
  let held = '';
  socket.setEncoding('utf8');
  socket.on('data', (text: string) => {
    held += text;
    for (let end = held.indexOf('\n'); end >= 0 && !socket.destroyed; end = held.indexOf('\n')) {
      const line = held.slice(0, end);
      held = held.slice(end + 1);
      take(line);
    }
    if (held.length > LONGEST_LINE) socket.destroy();
  });
}

/** Undefined where it is no JSON. */
export function parsed(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}
