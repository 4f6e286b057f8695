import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError, readConfig } from '@fluxgate/runtime'
import { makeAuthority, makeCertificate } from './certificates.ts'

/**
 * Makes, once, the certificate of a cluster's servers: `cert.pem`, `key.pem` and `ca.pem` for them, `ca.pem` for whoever
 * speaks with them. The authority's own key is not kept: to renew, empty both folders and run it again.
 */
async function main(): Promise<void> {
  const { names, certificates, authorities } = readConfig(process.env, env => {
    const given = env.list('CERTIFICATE_NAMES')
    if (given.length === 0) env.fault('CERTIFICATE_NAMES is missing')
    return {
      names: given as [string, ...string[]],
      certificates: env.text('CERTIFICATE_DIR'),
      authorities: env.text('AUTHORITY_DIR'),
    }
  })
  const ca = join(authorities, 'ca.pem')
  if (existsSync(ca)) return console.log('certificates: they are there')
  const nowMs = Date.now()
  const authority = await makeAuthority('Fluxgate NATS', nowMs)
  const { cert, key } = await makeCertificate(authority, names, nowMs)
  // The folder is shared with the servers only, which run as another user than this command.
  await writeFile(join(certificates, 'key.pem'), key, { mode: 0o644 })
  await writeFile(join(certificates, 'cert.pem'), cert)
  // The servers know each other by it too.
  await writeFile(join(certificates, 'ca.pem'), authority.cert)
  // Last: with it, all of them are there.
  await writeFile(ca, authority.cert)
  console.log(`certificates: made for ${names.join(', ')}`)
}

await main().catch(error => {
  const lines = error instanceof ConfigError ? error.faults : [(error as Error).message]
  for (const line of lines) console.error(`certificates: ${line}`)
  process.exitCode = error instanceof ConfigError ? 2 : 1
})
