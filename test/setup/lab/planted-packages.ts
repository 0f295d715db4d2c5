/** Small Debian packages for what real updates do not do on cue: break a service, fail, remove another. */
import { existsSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { run } from '../../../activities/adapters/command.ts';

/** For all architectures, its source named and numbered as itself. */
export type PlantedPackage = {
  readonly package: string;
  readonly version: string;
  readonly depends?: readonly string[];
  readonly conflicts?: readonly string[];
  /** What its configure step does: lines of sh. */
  readonly configure?: readonly string[];
  /** By their path from the root. */
  readonly files?: Readonly<Record<string, string>>;
};

export const webPort = 8080;
/** While it exists the planted web service does not start. */
const outOfOrder = '/etc/pc-web-out-of-order';

/** A web service that answers with its version; on the endpoints named it does not start any more. */
export function web(version: string, breaksOn: readonly string[] = []): PlantedPackage {
  return {
    package: 'pc-web',
    version,
    files: {
      'usr/lib/pc-web/serve.py': serve(version),
      'lib/systemd/system/pc-web.service': [
        '[Unit]',
        'Description=Planted web service',
        '[Service]',
        'Type=exec',
        'ExecStart=/usr/bin/python3 /usr/lib/pc-web/serve.py',
        '[Install]',
        'WantedBy=multi-user.target',
        '',
      ].join('\n'),
    },
    configure: [
      ...breaksOn.map(breakWebOn),
      'systemctl daemon-reload',
      'systemctl enable --quiet pc-web.service',
      'systemctl restart pc-web.service',
    ],
  };
}

/** Takes a while to configure, long enough to do something meanwhile; breaks the web service on the endpoints named. */
export function slow(version: string, breaksWebOnEndpoints: readonly string[] = []): PlantedPackage {
  const configure = ['sleep 3', ...breaksWebOnEndpoints.map(breakWebOn), 'systemctl restart pc-web.service'];
  return { package: 'pc-slow', version, depends: ['pc-web'], configure };
}

/** While it is not there, a patient package waits in its configure step. Gone with the next boot. */
export const goOnFile = '/run/pc-go-on';

/** Like the slow one, but on all endpoints except one it takes until it is told to go on: see `goOnFile`. */
export function patient(version: string, exceptOn: string): PlantedPackage {
  const waits = `[ "$(cat /etc/hostname)" = ${exceptOn} ] || until [ -e ${goOnFile} ]; do sleep 0.1; done`;
  return { package: 'pc-slow', version, depends: ['pc-web'], configure: [waits, 'systemctl restart pc-web.service'] };
}

function breakWebOn(endpoint: string): string {
  return `if [ "$(cat /etc/hostname)" = ${endpoint} ]; then touch ${outOfOrder}; fi`;
}

/** With python3-minimal: it has sockets and no web server. */
function serve(version: string): string {
  return [
    'import os, socket',
    `if os.path.exists('${outOfOrder}'):`,
    "    raise SystemExit('out of order')",
    `server = socket.create_server(('127.0.0.1', ${webPort}))`,
    `body = b'pc-web ${version}'`,
    'while True:',
    '    connection, _ = server.accept()',
    '    with connection:',
    '        connection.recv(4096)',
    "        connection.sendall(b'HTTP/1.0 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n%s' % (len(body), body))",
    '',
  ].join('\n');
}

/** Builds a package file in a folder; the same version is built once. */
export async function buildPackage(folder: string, planted: PlantedPackage): Promise<string> {
  const { package: name, version, depends = [], conflicts = [], configure, files = {} } = planted;
  const file = join(folder, `${name}_${version}_all.deb`);
  if (existsSync(file)) return file;
  const tree = join(folder, `${name}_${version}`);
  const control = [
    `Package: ${name}`,
    `Version: ${version}`,
    'Architecture: all',
    'Maintainer: Lab <lab@example.org>',
    ...(depends.length > 0 ? [`Depends: ${depends.join(', ')}`] : []),
    ...(conflicts.length > 0 ? [`Conflicts: ${conflicts.join(', ')}`] : []),
    'Description: planted for a test',
    '',
  ];
  const script = configure && ['#!/bin/sh', 'set -e', ...configure, ''];
  const content: Record<string, string | Buffer> = {
    ...files,
    'DEBIAN/control': control.join('\n'),
    [`usr/share/doc/${name}/changelog.gz`]: gzipSync(changelogOf(name, version)),
    ...(script && { 'DEBIAN/postinst': script.join('\n') }),
  };
  for (const [path, text] of Object.entries(content)) {
    await mkdir(dirname(join(tree, path)), { recursive: true, mode: 0o755 });
    await writeFile(join(tree, path), text);
  }
  if (script) await chmod(join(tree, 'DEBIAN/postinst'), 0o755);
  await run(['dpkg-deb', '--build', '--root-owner-group', tree, file]);
  return file;
}

/** In Debian's format (Debian Policy 4.4), from version 1.0 on. */
function changelogOf(name: string, newest: string): string {
  const versions = [...new Set([newest, '1.0'])];
  return versions
    .map((version) =>
      [
        `${name} (${version}) lab; urgency=low`,
        '',
        '  * Planted.',
        '',
        ' -- Lab <lab@example.org>  Wed, 21 Oct 2026 16:54:24 +0700',
        '',
      ].join('\n'),
    )
    .join('\n');
}
