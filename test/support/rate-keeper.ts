import { once } from 'node:events';
import { createServer, type IncomingMessage, request as send, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface RateKeeper {
  /** Where it stands in for the server behind it. */
  readonly url: string;
  /** Requests in any second that it lets through; null: all. */
  perSecond: number | null;
  /** Says for how long it wants to be left alone; null: it does not say. */
  retryAfterSeconds: number | null;
  /** Breaks every request off. */
  down: boolean;
  /** All requests, those that were refused among them. */
  readonly asked: number;
  readonly refused: number;
  /** Requests that came although they had been asked to wait, those excepted that were on their way when it was said. */
  readonly early: number;
  /** The most that were under way at once since it was last reset. */
  crowd: number;
  /** What it asked for is over. */
  forgive(): void;
  stop(): Promise<void>;
}

/** What is on its way when a refusal leaves cannot know of it; on a busy machine that takes a while. */
const ON_ITS_WAY_MS = 400;

/** Stands before a server and lets only so many requests through in any second, the way vendors do. */
export async function startRateKeeper(behind: string): Promise<RateKeeper> {
  let times: number[] = [];
  let quiet = { from: 0, until: 0 };
  let underWay = 0;
  const counts = { asked: 0, refused: 0, early: 0 };
  const ways = { perSecond: null as number | null, retryAfterSeconds: 1 as number | null, down: false, crowd: 0 };
  const admits = (now: number): boolean => {
    times = times.filter((time) => time > now - 1000);
    if (ways.perSecond !== null && times.length >= ways.perSecond) return false;
    times.push(now);
    return true;
  };
  const server = createServer((request, response) => {
    const now = performance.now();
    counts.asked += 1;
    if (now < quiet.until && now > quiet.from + ON_ITS_WAY_MS) counts.early += 1;
    underWay += 1;
    ways.crowd = Math.max(ways.crowd, underWay);
    response.once('close', () => (underWay -= 1));
    if (ways.down) return void request.socket.destroy();
    if (now >= quiet.until && admits(now)) return pass(behind, request, response);
    counts.refused += 1;
    const { retryAfterSeconds: seconds } = ways;
    if (seconds !== null && now >= quiet.until) quiet = { from: now, until: now + seconds * 1000 };
    const left = Math.ceil((quiet.until - now) / 1000);
    request.resume();
    request.once('end', () => response.writeHead(429, seconds === null ? {} : { 'Retry-After': left }).end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Object.defineProperties(ways, {
    url: { value: `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
    asked: { get: () => counts.asked },
    refused: { get: () => counts.refused },
    early: { get: () => counts.early },
    forgive: { value: () => (quiet = { from: 0, until: 0 }) },
    stop: {
      value: async () => {
        server.close();
        server.closeAllConnections();
        await once(server, 'close');
      },
    },
  }) as unknown as RateKeeper;
}

function pass(behind: string, request: IncomingMessage, response: ServerResponse): void {
  const { method, headers } = request;
  const onward = send(new URL(request.url ?? '/', behind), { method, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 500, answer.headers);
    answer.pipe(response);
  });
  onward.on('error', () => response.destroy());
  request.pipe(onward);
}
