import { CopyButton } from './copy-button.tsx'

/** A request to paste into a shell. The key is left to the reader's environment unless it has just been made. */
export function Snippet({ gatewayUrl, apiKey }: { gatewayUrl: string; apiKey?: string }) {
  const command = [
    `curl ${gatewayUrl}/v1/chat/completions \\`,
    `  -H "Authorization: Bearer ${apiKey ?? '$FLUXGATE_KEY'}" \\`,
    "  -H 'Content-Type: application/json' \\",
    `  -d '{"model":"default","stream":true,"messages":[{"role":"user","content":"Hello"}]}'`,
  ].join('\n')
  return (
    <div class="snippet">
      <pre>
        <code>{command}</code>
      </pre>
      <CopyButton text={command} />
    </div>
  )
}
