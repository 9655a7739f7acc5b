import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Beyond this many in line, further connections are closed at once: descriptors are finite. */
const LONGEST_LINE = 8192;

/**
 * Bounds how many connections are read at one time. One more is accepted but left unread, so that
 * what its client sends stays with the client and the kernel, and is let in when another one ends.
 * While anybody waits, nobody keeps a connection for its next request: those that idle are closed,
 * the others close with their answer. Must be made before the server listens.
 */
export class WaitingLine {
  private inside = 0;
  /** In the order of arrival, each with what lets it in. */
  private readonly waiting = new Map<Socket, () => void>();
  /** Those that were answered and have asked nothing since. */
  private readonly idle = new Set<Socket>();

  constructor(
    private readonly server: Server,
    private readonly most: number,
  ) {
    const letIn = server.listeners('connection') as ((socket: Socket) => void)[];
    server.removeAllListeners('connection');
    // Sockets come with their reading stopped, as they do when one process hands them to another.
    (server as Server & { pauseOnConnect: boolean }).pauseOnConnect = true;
    server.maxConnections = most + LONGEST_LINE;
    server.on('connection', (socket: Socket) => this.arrive(socket, letIn));
    server.prependListener('request', (request, response) => this.serve(request, response));
  }

  /** Those who have not been let in never will be. */
  close(): void {
    for (const socket of this.waiting.keys()) socket.destroy();
    this.waiting.clear();
  }

  private arrive(socket: Socket, letIn: readonly ((socket: Socket) => void)[]): void {
    const enter = (): void => {
      this.inside += 1;
      socket.once('close', () => {
        this.inside -= 1;
        this.idle.delete(socket);
        this.next();
      });
      for (const listener of letIn) listener.call(this.server, socket);
      socket.resume();
    };
    if (this.inside < this.most && this.waiting.size === 0) return enter();
    socket.once('close', () => this.waiting.delete(socket));
    this.waiting.set(socket, enter);
    for (const idle of this.idle) {
      this.idle.delete(idle);
      idle.destroy();
    }
  }

  private serve(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    this.idle.delete(socket);
    if (this.waiting.size > 0) response.shouldKeepAlive = false;
    response.once('close', () => {
      if (socket.destroyed) return;
      if (this.waiting.size > 0) socket.end();
      else this.idle.add(socket);
    });
  }

  private next(): void {
    for (const [socket, enter] of this.waiting) {
      if (this.inside >= this.most) return;
      this.waiting.delete(socket);
      enter();
    }
  }
}
