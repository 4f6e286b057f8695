import { useState } from 'preact/hooks'
import type { SessionView } from '../../../src/sessions/answers.ts'
import { CopyButton } from '../layout/index.ts'

const CERTIFICATE = '/api/gateway-certificate'
const KEY = '$FLUXGATE_KEY'

interface Language {
  readonly name: string
  readonly write: (me: SessionView, apiKey: string | undefined) => string
}

const LANGUAGES: readonly Language[] = [
  { name: 'curl', write: curl },
  { name: 'Python, OpenAI', write: pythonOpenai },
  { name: 'Node, OpenAI', write: nodeOpenai },
  { name: 'Python, Anthropic', write: pythonAnthropic },
]

/** A request in each of the languages that people use, with the right address and model in it. */
export function Snippets({ me, apiKey }: { me: SessionView; apiKey?: string }) {
  const [name, setName] = useState(LANGUAGES[0]!.name)
  const { write } = LANGUAGES.find(each => each.name === name) ?? LANGUAGES[0]!
  const text = write(me, apiKey)
  return (
    <figure class="snippet">
      <figcaption>
        <fieldset class="snippet-languages">
          <legend class="sr">Language</legend>
          {LANGUAGES.map(each => (
            <button
              key={each.name}
              type="button"
              class="bare"
              aria-pressed={each.name === name}
              onClick={() => setName(each.name)}
            >
              {each.name}
            </button>
          ))}
        </fieldset>
        <CopyButton text={text} />
      </figcaption>
      <pre data-testid="snippet">
        <code>{text}</code>
      </pre>
      {me.hasOwnCertificate && (
        <p class="snippet-note">
          The gateway uses its own certificate authority: save{' '}
          <a href={CERTIFICATE} download="fluxgate.pem">
            fluxgate.pem
          </a>{' '}
          next to this code.
        </p>
      )}
    </figure>
  )
}

/** The key is left to the reader's environment unless it has just been made. */
function curl(me: SessionView, apiKey = KEY): string {
  const body = { model: me.model, stream: true, messages: [{ role: 'user', content: 'Say hello.' }] }
  return [
    `curl -N ${me.hasOwnCertificate ? '--cacert fluxgate.pem ' : ''}${me.gatewayUrl}/v1/chat/completions`,
    `  -H "Authorization: Bearer ${apiKey}"`,
    "  -H 'Content-Type: application/json'",
    `  -d '${JSON.stringify(body)}'`,
  ].join(' \\\n')
}

function pythonOpenai(me: SessionView, apiKey?: string): string {
  return `${trust(me, 'SSL_CERT_FILE', '# ')}import os
from openai import OpenAI

client = OpenAI(base_url="${me.gatewayUrl}/v1", api_key=${pythonKey(apiKey)})
stream = client.chat.completions.create(
    model="${me.model}",
    messages=[{"role": "user", "content": "Say hello."}],
    stream=True,
)
for chunk in stream:
    print(chunk.choices[0].delta.content or "", end="")`
}

function nodeOpenai(me: SessionView, apiKey?: string): string {
  const key = apiKey === undefined ? ' // the key is in OPENAI_API_KEY' : ''
  const settings = [
    `baseURL: '${me.gatewayUrl}/v1'`,
    ...(apiKey === undefined ? [] : [`apiKey: '${apiKey}'`]),
  ]
  return `${trust(me, 'NODE_EXTRA_CA_CERTS', '// ')}import OpenAI from 'openai'

const client = new OpenAI({ ${settings.join(', ')} })${key}
const stream = await client.chat.completions.create({
  model: '${me.model}',
  messages: [{ role: 'user', content: 'Say hello.' }],
  stream: true,
})
for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta?.content ?? '')`
}

function pythonAnthropic(me: SessionView, apiKey?: string): string {
  return `${trust(me, 'SSL_CERT_FILE', '# ')}import os
from anthropic import Anthropic

client = Anthropic(base_url="${me.gatewayUrl}", api_key=${pythonKey(apiKey)})
with client.messages.stream(
    model="${me.model}",
    max_tokens=200,
    messages=[{"role": "user", "content": "Say hello."}],
) as stream:
    for text in stream.text_stream:
        print(text, end="")`
}

function pythonKey(apiKey: string | undefined): string {
  return apiKey === undefined ? 'os.environ["FLUXGATE_KEY"]' : `"${apiKey}"`
}

/** How the language is told to trust the gateway's own certificate. */
function trust(me: SessionView, variable: string, comment: string): string {
  return me.hasOwnCertificate ? `${comment}run with ${variable}=fluxgate.pem\n` : ''
}
