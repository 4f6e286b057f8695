import type { SessionView } from '../../../src/core/wire.ts'
import { CopyButton } from './copy-button.tsx'

const CERTIFICATE = '/api/gateway-certificate'

/** A request to paste into a shell. The key is left to the reader's environment unless it has just been made. */
export function Snippet({ me, apiKey }: { me: SessionView; apiKey?: string }) {
  const body = { model: me.model, stream: true, messages: [{ role: 'user', content: 'Say hello.' }] }
  const command = [
    `curl -N ${me.hasOwnCertificate ? '--cacert fluxgate.pem ' : ''}${me.gatewayUrl}/v1/chat/completions`,
    `  -H "Authorization: Bearer ${apiKey ?? '$FLUXGATE_KEY'}"`,
    "  -H 'Content-Type: application/json'",
    `  -d '${JSON.stringify(body)}'`,
  ].join(' \\\n')
  return (
    <figure class="snippet">
      <figcaption>
        <span>
          curl
          {me.hasOwnCertificate && (
            <>
              {', with '}
              <a href={CERTIFICATE} download="fluxgate.pem">
                the gateway’s certificate
              </a>
            </>
          )}
        </span>
        <CopyButton text={command} />
      </figcaption>
      <pre>
        <code>{command}</code>
      </pre>
    </figure>
  )
}
