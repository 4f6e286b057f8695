import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import preact from '@preact/preset-vite'
import { defineConfig, type Plugin } from 'vite'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const SOURCES = join(HERE, '../../.cache/dashboard-sources.json')
const COMPRESSIBLE = /\.(js|css|html|svg)$/

/** Everything is compressed once, when it is built, as well as it can be. */
function compressed(): Plugin {
  let outDir = ''
  return {
    name: 'fluxgate-compressed',
    apply: 'build',
    configResolved: config => {
      outDir = join(config.root, config.build.outDir)
      if (config.build.outDir.startsWith('/')) outDir = config.build.outDir
    },
    closeBundle: async () => {
      const entries = await readdir(outDir, { recursive: true, withFileTypes: true })
      for (const entry of entries) {
        if (!entry.isFile() || !COMPRESSIBLE.test(entry.name)) continue
        const path = join(entry.parentPath, entry.name)
        const content = await readFile(path)
        const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } }
        await writeFile(`${path}.br`, await promisify(brotliCompress)(content, quality))
        await writeFile(`${path}.gz`, await promisify(gzip)(content, { level: 9 }))
      }
    },
  }
}

/** So that `npm test` and `npm start` build the page only when something that it is made of has changed. */
function noted(): Plugin {
  return {
    name: 'fluxgate-sources',
    apply: 'build',
    async generateBundle() {
      const files = [...this.getModuleIds()].map(id => id.split('?', 1)[0] ?? '')
      await mkdir(dirname(SOURCES), { recursive: true })
      await writeFile(
        SOURCES,
        JSON.stringify(files.filter(file => isAbsolute(file) && !file.includes('node_modules'))),
      )
    },
  }
}

/** Of `npm run dev`: the dashboard that the page's calls go to takes them from a page of its own only. */
const DASHBOARD_URL = 'http://127.0.0.1:3000'
const proxied = { target: DASHBOARD_URL, changeOrigin: true, headers: { origin: DASHBOARD_URL } }

export default defineConfig({
  root: join(HERE, 'web'),
  plugins: [preact({ devToolsEnabled: false }), compressed(), noted()],
  server: {
    port: 5173,
    strictPort: true,
    proxy: { '/api/': proxied, '/portal/': proxied, '/play/': proxied },
  },
  build: {
    outDir: '../dist',
    emptyOutDir: true,
    target: 'es2022',
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    // Data URLs are not allowed by the page's Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
})
