import { get as getHttp } from 'node:http'
import { get as getHttps } from 'node:https'

/**
 * A container's health check: `healthy.mjs <url>` ends with 0 when the URL answers with 2xx. The certificate of a
 * process on the same machine vouches for nothing, so it is not looked at.
 */
const LIMIT_MS = 4_000
const url = new URL(process.argv[2] ?? 'http://127.0.0.1')
const get = url.protocol === 'https:' ? getHttps : getHttp
process.exitCode = 1
const request = get(url, { rejectUnauthorized: false, timeout: LIMIT_MS, agent: false }, reply => {
  reply.resume()
  process.exitCode = reply.statusCode >= 200 && reply.statusCode < 300 ? 0 : 1
})
request.on('timeout', () => request.destroy())
request.on('error', () => {})
