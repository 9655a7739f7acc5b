import { Agent as PlainAgent, type AgentOptions } from 'node:http';
import { Agent as SecureAgent } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { ConnectionAway } from '../errors.js';
import type { Gate } from './gate.js';

type Connected = (error: Error | null, stream: Duplex) => void;

interface Target {
  readonly host?: string | null;
  readonly port?: number | string | null;
}

const agentOptions: AgentOptions = { keepAlive: true, maxSockets: 16, maxFreeSockets: 8 };

/** Agents whose every new socket passes the gate, whoever sends the request: a library, a redirect, a retry. */
export interface GuardedAgents {
  readonly http: PlainAgent;
  readonly https: SecureAgent;
}

export function guardedAgents(gate: Gate, connectMs: number): GuardedAgents {
  return { http: new GuardedPlainAgent(gate, connectMs), https: new GuardedSecureAgent(gate, connectMs) };
}

class GuardedPlainAgent extends PlainAgent {
  constructor(
    private readonly gate: Gate,
    private readonly connectMs: number,
  ) {
    super(agentOptions);
  }

  override createConnection(target: Target, connected: Connected): Duplex | undefined {
    const open = (pinned: object) => super.createConnection(pinned) as Socket;
    return guarded({ gate: this.gate, connectMs: this.connectMs, secure: false }, target, open, connected);
  }
}

class GuardedSecureAgent extends SecureAgent {
  constructor(
    private readonly gate: Gate,
    private readonly connectMs: number,
  ) {
    // Said aloud: an environment variable would switch the check off otherwise.
    super({ ...agentOptions, rejectUnauthorized: true });
  }

  override createConnection(target: Target, connected: Connected): Duplex | undefined {
    const open = (pinned: object) => super.createConnection(pinned) as Socket;
    return guarded({ gate: this.gate, connectMs: this.connectMs, secure: true }, target, open, connected);
  }
}

interface Way {
  readonly gate: Gate;
  readonly connectMs: number;
  readonly secure: boolean;
}

/** A literal address never reaches `lookup`, so it is judged before; and what was connected to is held against the rules once more. */
function guarded(way: Way, target: Target, open: (pinned: object) => Socket, connected: Connected): Duplex | undefined {
  const host = target.host ?? '';
  try {
    way.gate.admit(host, Number(target.port), way.secure);
  } catch (error) {
    process.nextTick(connected, error);
    return undefined;
  }
  const socket = open({ ...target, lookup: way.gate.lookup });
  const late = setTimeout(
    () => socket.destroy(new ConnectionAway('The server takes too long to answer.')),
    way.connectMs,
  );
  socket.once('close', () => clearTimeout(late));
  socket.once(way.secure ? 'secureConnect' : 'connect', () => clearTimeout(late));
  socket.once('connect', () => {
    try {
      // Unknown when the other side has closed already.
      if (socket.remoteAddress !== undefined) way.gate.admitAddress(host, socket.remoteAddress);
    } catch (error) {
      socket.destroy(error as Error);
    }
  });
  return socket;
}
