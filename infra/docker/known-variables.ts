import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const ROOT = join(import.meta.dirname, '..', '..')

/** Names that the code asks its environment for: quoted words in capitals in the files where a process begins. */
export function variablesOf(entry: string): Set<string> {
  const main = readFileSync(join(ROOT, entry), 'utf8')
  const configs = [...main.matchAll(/from '\.\/(.*config\.ts)'/g)].map(([, path]) =>
    join(dirname(entry), path!),
  )
  const settings = globSync([join(dirname(entry), 'config/*.ts'), 'shared/*/src/*.ts'], { cwd: ROOT })
  const files = [entry, ...configs, ...settings]
  const texts = files
    .filter(file => existsSync(join(ROOT, file)))
    .map(file => readFileSync(join(ROOT, file), 'utf8'))
  return new Set(
    texts.flatMap(code => [...code.matchAll(/'([A-Z][A-Z0-9_]{2,})'/g)].map(match => match[1] ?? '')),
  )
}
