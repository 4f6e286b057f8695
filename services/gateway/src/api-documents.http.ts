import Fastify from 'fastify'
import { type AdminDeps, registerAdmin } from './admin/index.ts'
import { DNS_LIMITS, registerDnsQuery } from './dns/index.ts'
import { serveOpenApi } from './http/index.ts'
import { registerStatus } from './node/index.ts'
import { type PortalDeps, registerPortal } from './portal/index.ts'
import { PUBLIC_API } from './public-api.ts'

/** The documents as a node serves them, from routes behind which nothing stands: nothing but their documents answers. */
export async function openApiDocuments(): Promise<{ public: string; admin: string }> {
  const server = Fastify({ exposeHeadRoutes: false })
  serveOpenApi(server, '/openapi.json', PUBLIC_API, false)
  registerDnsQuery(server, { queryBytes: DNS_LIMITS.queryBytes } as Parameters<typeof registerDnsQuery>[1])
  registerStatus(server, () => ({ ready: true, missing: {} }))
  await registerPortal(server, {} as PortalDeps)
  const admin = Fastify()
  const token = 'of nobody'
  const tokens = { operator: token, dashboard: undefined, metrics: undefined }
  await registerAdmin(admin, { tokens } as AdminDeps)
  const headers = { authorization: `Bearer ${token}` }
  const [ours, theirs] = await Promise.all([
    server.inject('/openapi.json'),
    admin.inject({ url: '/admin/openapi.json', headers }),
  ])
  await Promise.all([server.close(), admin.close()])
  return { public: ours.body, admin: theirs.body }
}
