import { createHash } from 'node:crypto';
import { chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.js';
import { RealServer } from './real-server.js';

/** A WebDAV server that really is one, with a folder of its own on disk. */
export interface DavServer {
  readonly port: number;
  /** Ends with a slash. */
  readonly url: string;
  readonly login: { readonly username: string; readonly password: string };
  /** Where its files lie, for a test to look at and to spoil. */
  readonly files: string;
  stop(): Promise<void>;
}

const login = { username: 'alice', password: 'sesame, öffne dich' };

/** Apache httpd with mod_dav, as Debian has it. */
export async function startApache(): Promise<DavServer> {
  const folder = await mkdtemp(join(tmpdir(), 'apache-'));
  const [files, locks] = [join(folder, 'files'), join(folder, 'locks')];
  for (const path of [files, locks]) await mkdir(path);
  const root = process.getuid?.() === 0;
  // Apache's own processes give up being root, and become the user that Debian has for them.
  if (root) {
    const line = /^www-data:[^:]*:(\d+):(\d+):/m.exec(await readFile('/etc/passwd', 'utf8'));
    for (const path of [folder, files, locks]) await chown(path, Number(line?.[1]), Number(line?.[2]));
  }
  const secret = createHash('sha1').update(login.password).digest('base64');
  await writeFile(join(folder, 'users'), `${login.username}:{SHA}${secret}\n`, { mode: 0o644 });
  const port = await freePort();
  await writeFile(join(folder, 'conf'), apacheConf({ folder, files, locks, port, root }));
  const server = await RealServer.start('/usr/sbin/apache2', ['-DFOREGROUND', '-f', join(folder, 'conf')], port);
  return davServer(port, '/dav/', files, server, folder);
}

/** nginx with the module that teaches it PROPFIND: without that it speaks too little of WebDAV to be of use. */
export async function startNginx(): Promise<DavServer> {
  const folder = await mkdtemp(join(tmpdir(), 'nginx-'));
  const files = join(folder, 'files', 'dav');
  await mkdir(files, { recursive: true });
  const secret = createHash('sha1').update(login.password).digest('base64');
  await writeFile(join(folder, 'users'), `${login.username}:{SHA}${secret}\n`);
  const port = await freePort();
  await writeFile(join(folder, 'conf'), nginxConf(folder, port));
  const args = ['-p', folder, '-c', join(folder, 'conf'), '-e', join(folder, 'errors')];
  const server = await RealServer.start('/usr/sbin/nginx', args, port);
  return davServer(port, '/dav/', files, server, folder);
}

function nginxConf(folder: string, port: number): string {
  const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `load_module /usr/lib/nginx/modules/ngx_http_dav_ext_module.so;
daemon off;
${process.getuid?.() === 0 ? 'user root;' : ''}
pid ${folder}/pid;
events { worker_connections 128; }
http {
  access_log off;
  ${places.map((name) => `${name}_temp_path ${folder}/${name};`).join('\n  ')}
  server {
    listen 127.0.0.1:${port};
    client_max_body_size 0;
    location /dav/ {
      root ${folder}/files;
      auth_basic dav;
      auth_basic_user_file ${folder}/users;
      dav_methods PUT DELETE MKCOL COPY MOVE;
      dav_ext_methods PROPFIND OPTIONS;
    }
  }
}
`;
}

/** `rclone serve webdav`: writes into the final file as bytes come, and knows no If-None-Match. */
export async function startRcloneWebdav(): Promise<DavServer> {
  const folder = await mkdtemp(join(tmpdir(), 'rclone-'));
  const files = join(folder, 'files');
  await mkdir(files);
  await writeFile(join(folder, 'conf'), '');
  const port = await freePort();
  const server = await RealServer.start(
    'rclone',
    [
      ...['serve', 'webdav', files, '--config', join(folder, 'conf'), '--addr', `127.0.0.1:${port}`],
      ...['--user', login.username, '--pass', login.password],
    ],
    port,
  );
  return davServer(port, '/', files, server, folder);
}

function davServer(port: number, path: string, files: string, server: RealServer, folder: string): DavServer {
  return {
    port,
    url: `http://127.0.0.1:${port}${path}`,
    login,
    files,
    stop: async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

interface ApachePlace {
  readonly folder: string;
  readonly files: string;
  readonly locks: string;
  readonly port: number;
  readonly root: boolean;
}

function apacheConf({ folder, files, locks, port, root }: ApachePlace): string {
  const modules = [
    'mpm_event',
    'authn_core',
    'authn_file',
    'authz_core',
    'authz_user',
    'auth_basic',
    'alias',
    'dav',
    'dav_fs',
  ];
  return [
    ...modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`),
    ...(root ? ['User www-data', 'Group www-data'] : []),
    `ServerRoot "${folder}"`,
    `Listen 127.0.0.1:${port}`,
    'ServerName localhost',
    `PidFile "${folder}/pid"`,
    `ErrorLog "${folder}/errors"`,
    `DefaultRuntimeDir "${folder}"`,
    'StartServers 1',
    'ServerLimit 1',
    'ThreadsPerChild 32',
    'MaxRequestWorkers 32',
    'KeepAlive On',
    `DocumentRoot "${folder}"`,
    `DAVLockDB "${locks}/db"`,
    `Alias /dav "${files}"`,
    `<Directory "${files}">`,
    'DAV On',
    'AuthType Basic',
    'AuthName dav',
    `AuthUserFile "${folder}/users"`,
    'Require valid-user',
    '</Directory>',
    '',
  ].join('\n');
}
