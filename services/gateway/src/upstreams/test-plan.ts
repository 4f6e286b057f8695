import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DEFAULTS } from './test-servers.ts'
import { type OpenUpstreams, openUpstreams, type UpstreamsDeps } from './upstreams.http.ts'

export interface PlanTestEnv extends AsyncDisposable {
  readonly upstreams: OpenUpstreams
  readonly path: string
  /** Puts another file in the place of the one that is there, as careful writers do. */
  replace(plan: object | string): Promise<void>
}

/** `UPSTREAMS_FILE` in a temporary folder, and the upstreams that it makes. */
export async function planTestEnv(
  plan: object,
  env: Record<string, string> = {},
  deps: UpstreamsDeps = {},
): Promise<PlanTestEnv> {
  await using stack = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'fluxgate-upstreams-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, 'upstreams.json')
  await writeFile(path, JSON.stringify(plan))
  const file = { path, env: (name: string) => env[name], pollMs: 200 }
  const upstreams = stack.use(await openUpstreams({ urls: [], file, defaults: DEFAULTS }, deps))
  const owned = stack.move()
  return {
    upstreams,
    path,
    async replace(next) {
      await writeFile(`${path}.new`, typeof next === 'string' ? next : JSON.stringify(next))
      await rename(`${path}.new`, path)
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
