import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConnectionList } from '#contracts';
import { NightlyBackup } from '../src/backup/index.js';
import { BackupAlert } from '../src/upkeep/backup-alert.js';
import { ConnectionAlerts } from '../src/upkeep/connection-alerts.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { inside, intruder } from './support/inside.js';
import { call, signIn } from './support/people.js';

const SECRET = 'a secret between the two of us';

interface Message {
  readonly signature: string;
  readonly timestamp: string;
  readonly body: string;
  readonly said: {
    id: string;
    event: string;
    state: string;
    connection?: { id: string; provider: string };
    text: string;
  };
}

let receiver: Server;
let received: Message[] = [];
let refusals = 0;
let gateway: TestGateway;
let vault: string;

beforeAll(async () => {
  receiver = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      if (refusals > 0) {
        refusals -= 1;
        return response.writeHead(503).end();
      }
      const body = Buffer.concat(pieces).toString();
      const { 'tessera-signature': signature = '', 'tessera-timestamp': timestamp = '' } = request.headers;
      received.push({ signature: String(signature), timestamp: String(timestamp), body, said: JSON.parse(body) });
      return response.writeHead(204).end();
    });
  }).listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  gateway = await startGateway({
    environment: {
      TESSERA_ALERT_URL: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook?a=1`,
      TESSERA_ALERT_SECRET: SECRET,
      TESSERA_ALLOW_HOSTS: '127.0.0.1',
    },
  });
  const token = await signIn(gateway);
  vault = (await call(gateway, '/api/cloud/connections', { token })).json<ConnectionList>().items[0]!.id;
  // None is made while we look at what is told of one that is missing.
  await inside(gateway, NightlyBackup).onApplicationShutdown();
});
afterAll(async () => {
  await gateway?.stop();
  receiver?.closeAllConnections();
  receiver?.close();
});
beforeEach(() => {
  received = [];
  refusals = 0;
});

async function become(columns: string): Promise<void> {
  await using database = await intruder(gateway);
  await database.query(`update connections set ${columns} where id = $1`, [vault]);
}

/** As two gateways would, which see the same at once, and then again. */
async function look(): Promise<void> {
  const alerts = inside(gateway, ConnectionAlerts);
  await Promise.all([alerts.run(), alerts.run()]);
  await alerts.run();
}

async function told(count: number): Promise<string[]> {
  await expect.poll(() => received.length, { timeout: 20_000 }).toBeGreaterThanOrEqual(count);
  return received.map(({ said }) => `${said.event} ${said.state}`);
}

/** Upkeep of the gateway looks at the same connection, and may find it in good health just before we look. */
async function untilTold(columns: string, what: string): Promise<void> {
  const tell = async (): Promise<string[]> => {
    await become(columns);
    await look();
    return received.map(({ said }) => `${said.event} ${said.state}`);
  };
  await expect.poll(tell, { timeout: 20_000, interval: 200 }).toContain(what);
}

describe('An operator', () => {
  it('is told once when a connection gets into trouble, and once when it is over', async () => {
    await become(`alarm = 'somebody else''s folder, at /secret/path'`);
    await look();
    expect(await told(1)).toEqual(['connection.alarm raised']);
    await become(`alarm = null`);
    await look();
    expect(await told(2)).toEqual(['connection.alarm raised', 'connection.alarm cleared']);
    expect(received[0]!.said.connection).toEqual({ id: vault, provider: 'local', house: true });
    expect(received[0]!.body).not.toContain('/secret/path');
  });

  const troubles = [
    ['failing', `failing_since = now() - interval '2 minutes', failures = 5`, 'failing_since = null, failures = 0'],
    ['full', 'space_total = 1000000, space_free = 10', 'space_total = 1000000, space_free = 900000'],
    ['needs-reconnect', 'needs_reconnect_at = now()', 'needs_reconnect_at = null'],
  ] as const;
  it.each(troubles)('is told of a connection that is %s', async (name, trouble, over) => {
    await untilTold(trouble, `connection.${name} raised`);
    await untilTold(over, `connection.${name} cleared`);
  });

  it('is told of pieces that are missing on a connection, and when they are there again', async () => {
    await using database = await intruder(gateway);
    const token = await signIn(gateway);
    expect((await call(gateway, '/api/content/piece', { method: 'PUT', token, body: 'a piece' })).status).toBe(201);
    const become = `update blobs set fault = $1, fault_at = case when $1::text is not null then now() end
      where state = 'live'`;
    await database.query(become, ['missing']);
    await look();
    expect(await told(1)).toEqual(['connection.losses raised']);
    await database.query(become, [null]);
    await look();
    expect(await told(2)).toEqual(['connection.losses raised', 'connection.losses cleared']);
  });

  it('is not told of a short failure, nor of a connection that is switched off', async () => {
    await become(`failing_since = now() - interval '10 seconds', failures = 2`);
    await look();
    await become(`failing_since = now() - interval '1 hour', failures = 99, enabled = false`);
    await look();
    await become(`failing_since = null, failures = 0, enabled = true, alarm = 'x'`);
    await look();
    expect(await told(1)).toEqual(['connection.alarm raised']);
    await become('alarm = null');
    await look();
    await told(2);
  });

  it('can tell by the signature that it was this gateway, and when', async () => {
    await become(`alarm = 'x'`);
    await look();
    await told(1);
    const { signature, timestamp, body } = received[0]!;
    const own = createHmac('sha256', SECRET).update(`${timestamp}.${body}`).digest('hex');
    expect(signature).toBe(`v1=${own}`);
    expect(Math.abs(Date.now() / 1000 - Number(timestamp))).toBeLessThan(60);
    await become('alarm = null');
    await look();
    await told(2);
  });

  it('is told again until the message is taken', async () => {
    refusals = 2;
    await become(`alarm = 'x'`);
    await look();
    expect(await told(1)).toEqual(['connection.alarm raised']);
    expect(refusals).toBe(0);
  });

  /** Among what is told of connections. */
  const ofBackups = () => received.filter(({ said }) => said.event.startsWith('gateway.'));

  /** As two gateways would, which see the same at once, and then again. */
  async function lookForBackups(): Promise<void> {
    const alert = inside(gateway, BackupAlert);
    await Promise.all([alert.run(), alert.run()]);
    await alert.run();
  }

  it('is told once when no backup was made of late, and once when there is one again', async () => {
    await using database = await intruder(gateway);
    const events = async (count: number): Promise<string[]> => {
      await expect.poll(() => ofBackups().length, { timeout: 20_000 }).toBeGreaterThanOrEqual(count);
      return ofBackups().map(({ said }) => `${said.event} ${said.state}`);
    };
    const alerts = async () => (await database.query(`select raised from alerts where connection is null`)).rowCount;
    await database.query(`insert into backups (id, file, made_at, proved_at, bytes, rows, digest)
      values (gen_random_uuid(), '/backups/a', now() - interval '27 hours', now() - interval '27 hours', 1, 1, decode(repeat('00', 32), 'hex'))`);
    await lookForBackups();
    // Nobody was there that could have made it: it will be made now.
    expect(await alerts()).toBe(0);
    await database.query(`update gateways set started_at = now() - interval '3 hours'`);
    await lookForBackups();
    expect(await events(1)).toEqual(['gateway.backup-overdue raised']);
    expect(ofBackups()[0]!.said).not.toHaveProperty('connection');
    expect(ofBackups()[0]!.body).not.toContain('/backups/a');
    // A gateway that starts anew says nothing of what is over, nor what was said.
    await database.query(`update gateways set started_at = now()`);
    await lookForBackups();
    expect(await alerts()).toBe(1);
    await database.query(`update backups set made_at = now(), proved_at = now()`);
    await lookForBackups();
    expect(await events(2)).toEqual(['gateway.backup-overdue raised', 'gateway.backup-overdue cleared']);
  });

  it('is told of a gateway that has never made one, but not before it could have', async () => {
    await using database = await intruder(gateway);
    await database.query('delete from backups');
    await database.query('delete from alerts where connection is null');
    await database.query(`update gateways set started_at = now() - interval '3 hours'`);
    await lookForBackups();
    await lookForBackups();
    const { rowCount } = await database.query(`select 1 from alerts where connection is null`);
    expect(rowCount).toBe(0);
    await database.query(`update accounts set created_at = now() - interval '27 hours'`);
    await lookForBackups();
    const { rows } = await database.query(`select raised, over from alerts where connection is null`);
    expect(rows).toEqual([{ raised: true, over: false }]);
  });
});
