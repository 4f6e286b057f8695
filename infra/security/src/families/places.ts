import type { Family } from '../attack.ts'
import { type AttackRequest, byRequest, type mustBeRefused } from '../request.ts'
import type { ApiName } from '../target.ts'

const METADATA = '169.254.169.254'
const PATHS = [
  '/v1/../admin/users',
  '/v1/%2e%2e/admin/users',
  '/v1/%252e%252e/admin/users',
  '/v1/..%2fadmin/users',
  '/v1/..%5cadmin/users',
  '/v1/;/../admin/users',
  '/v1/..;/admin/users',
  '//admin/users',
  '/admin/users',
  '/%61dmin/users',
  '/admin%2fusers',
  `//${METADATA}/latest/meta-data`,
  `/v1//${METADATA}/latest`,
  `/v1/http://${METADATA}/latest`,
  `/v1/@${METADATA}/latest`,
  '/..%c0%af..%c0%afetc/passwd',
  '/../../../etc/passwd',
  '/assets/..%2f..%2f..%2fpackage.json',
  '/portal/../admin/users',
  '/api/../../package.json',
  '/.git/config',
  '/.env',
]
const APIS: readonly ApiName[] = ['gateway', 'portal', 'admin', 'mcp', 'dashboard']

/** An answer may never be what lies behind another door: users of the admin face, files of the machine, metadata. */
const LEAKS = /"users":|root:.*:0:0:|\[core\]|"workspaces"|ami-id|instance-id/

const leaksNothing: typeof mustBeRefused = ({ reported }) => (LEAKS.test(reported) ? 'it leaks' : undefined)

const ABSOLUTE = [
  `http://${METADATA}/latest/meta-data/`,
  `https://${METADATA}/api/ps`,
  'http://localhost:9090/admin/users',
  'http://127.0.0.1/admin/users',
  'file:///etc/passwd',
  `${METADATA}:80`,
  'gopher://127.0.0.1:4222/_INFO',
]
const OVERRIDES = [
  'X-HTTP-Method-Override: DELETE',
  'X-HTTP-Method: DELETE',
  'X-Method-Override: DELETE',
  'X-Original-URL: /admin/users',
  'X-Rewrite-URL: /admin/users',
  'X-Forwarded-Host: evil.example',
  'X-Forwarded-Prefix: /admin',
  'X-Forwarded-Proto: file',
  'Forwarded: for=1.2.3.4;host=evil.example',
  'X-Forwarded-For: 127.0.0.1',
  'X-Real-IP: 127.0.0.1',
]
const HOSTS = ['evil.example', `${METADATA}`, 'localhost:1', 'a@b', 'localhost, evil.example', '[::1', '']

/** Where a face answers to who may come in. */
const KNOWN: Readonly<Record<ApiName, string>> = {
  gateway: '/api/ps',
  portal: '/portal/me',
  admin: '/admin/health',
  mcp: '/mcp',
  dashboard: '/api/overview',
}

export function placeFamilies(everyNth: number): Family[] {
  const onEach = (requests: ReadonlyArray<readonly [string, Partial<AttackRequest>]>, apis = APIS) =>
    apis.flatMap(api =>
      requests
        .filter((_request, i) => i % everyNth === 0)
        .map(([name, request]) =>
          byRequest(`${name} to ${api}`, api, { path: KNOWN[api], ...request }, leaksNothing),
        ),
    )
  // At the admin face an administrator's own list is no leak: it is asked for as a stranger there.
  const stranger = (api: ApiName) => api === 'admin'
  const paths = APIS.flatMap(api =>
    PATHS.filter((_path, i) => i % everyNth === 0).map(path =>
      byRequest(`${path} to ${api}`, api, { path, anonymous: stranger(api) }, leaksNothing),
    ),
  )
  const absolute = APIS.flatMap(api =>
    ABSOLUTE.map(path =>
      byRequest(`${path} to ${api}`, api, { path, anonymous: stranger(api) }, leaksNothing),
    ),
  )
  return [
    {
      name: 'path tricks',
      inputs: 'dots, escapes, double escapes, `//host`, files',
      parallel: 4,
      attacks: paths,
    },
    {
      name: 'server-side requests',
      inputs: 'absolute targets to the metadata address, to other ports and schemes',
      parallel: 4,
      attacks: absolute,
    },
    {
      name: 'Host and override headers',
      inputs: 'hosts of others, method, URL and address overrides',
      parallel: 4,
      attacks: [
        ...onEach(HOSTS.map(host => [`Host ${JSON.stringify(host)}`, { host }] as const)),
        ...onEach(OVERRIDES.map(header => [header, { headers: [header] }] as const)),
      ],
    },
  ]
}
