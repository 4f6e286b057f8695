import { isIP } from 'node:net'

/** A name that the gateway answers itself. */
export interface Override {
  /** Lower case, without a final dot; `*.` in front matches every name below, not the name itself. */
  readonly name: string
  /** IP addresses, or those of the live nodes. */
  readonly addresses: readonly string[] | 'nodes'
}

const HOST_NAME =
  /^(?=.{1,253}$)(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?$/

/**
 * Reads the parts of a comma-separated list: `name` is answered from the live nodes, `name=address` with that address,
 * and parts that are only an address belong to the name before: `api.openai.com,ollama=10.0.0.5,fd00::5`.
 */
export function parseOverrides(parts: readonly string[]): { overrides: Override[]; faults: string[] } {
  const overrides: { name: string; addresses: string[] | 'nodes' }[] = []
  const faults: string[] = []
  for (const part of parts) {
    const last = overrides.at(-1)
    if (isIP(part) !== 0 && last !== undefined && last.addresses !== 'nodes') {
      last.addresses.push(part)
      continue
    }
    const [written = '', address] = part.split('=', 2)
    const name = written.trim().toLowerCase().replace(/\.$/, '')
    if (!HOST_NAME.test(name) || isIP(name) !== 0)
      faults.push(`${JSON.stringify(written)} is not a host name`)
    else if (address === undefined) overrides.push({ name, addresses: 'nodes' })
    else if (isIP(address.trim()) === 0) faults.push(`${JSON.stringify(address)} is not an IP address`)
    else overrides.push({ name, addresses: [address.trim()] })
  }
  return { overrides, faults }
}
