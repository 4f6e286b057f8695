import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { capture, ROOT, UserError } from './processes.mjs'

const MIN_MAJOR = 24
export const NODE_FLAGS = ['--disable-warning=ExperimentalWarning']

/** The Node that runs TypeScript: the pinned package's, else the one that runs this if it is new enough. */
export async function pinnedNode() {
  const { platform, arch } = process
  const file = platform === 'win32' ? 'bin/node.exe' : 'bin/node'
  const os = platform === 'win32' ? 'win' : platform
  const candidates = [
    join(ROOT, 'node_modules', '.bin', 'node'),
    ...[`node-${os}-${arch}`, `node-bin-${os}-${arch}`].map(name => join(ROOT, 'node_modules', name, file)),
    process.execPath,
  ]
  let words = 'none is installed'
  for (const path of candidates.filter(candidate => existsSync(candidate))) {
    const { code, output } = await capture(path, ['--version'])
    const major = Number(/^v(\d+)\./.exec(output)?.[1] ?? 0)
    if (code === 0 && major >= MIN_MAJOR) return path
    words = code === 0 ? `${path} is ${output.trim()}` : `${path} does not run here: ${output.trim()}`
  }
  throw new UserError(
    `Fluxgate needs Node ${MIN_MAJOR} or newer to run (${words}). There is no pinned package for ` +
      `${platform}-${arch}: install Node ${MIN_MAJOR} from https://nodejs.org and try again.`,
  )
}
