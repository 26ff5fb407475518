// Bundles the pages, and writes them as bytes of a C++ file: build.mjs BUNDLE.cc
// Without a file it says only how large they are.
import {createHash} from 'node:crypto';
import {mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {gzipSync} from 'node:zlib';
import {build} from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const source = (name) => join(here, 'src', name);
const hashOf = (bytes) => createHash('sha256').update(bytes).digest('hex').slice(0, 16);

const made = await build({
  absWorkingDir: here,
  entryPoints: {app: source('main.tsx'), sheet: source('style.css')},
  bundle: true,
  minify: true,
  write: false,
  outdir: 'out',
  format: 'iife',
  target: ['chrome100', 'firefox100', 'safari15'],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  charset: 'utf8',
  legalComments: 'none',
  logLevel: 'warning',
});

const files = [];
const add = (name, type, bytes) =>
  files.push({name, type, hash: hashOf(bytes), plain: bytes, gzip: gzipSync(bytes, {level: 9})});

let index = readFileSync(source('index.html'), 'utf8');
for (const {path, contents} of made.outputFiles) {
  const bytes = Buffer.from(contents);
  const [stem, ending] = path.split('/').at(-1).split('.');
  const name = `${stem}.${hashOf(bytes)}.${ending}`;
  add(name, ending === 'js' ? 'text/javascript; charset=utf-8' : 'text/css; charset=utf-8', bytes);
  index = index.replace(`{${stem}}`, `/assets/${name}`);
}
add('index.html', 'text/html; charset=utf-8', Buffer.from(index));
add('favicon.svg', 'image/svg+xml', readFileSync(source('favicon.svg')));

for (const file of files) {
  if (process.argv[2] === undefined) console.log(file.name, file.plain.length, file.gzip.length);
}

// Octal: a digit that follows it is not taken for a part of it.
function literal(bytes) {
  const lines = [];
  for (let at = 0; at < bytes.length; at += 4096) {
    let line = '';
    for (const byte of bytes.subarray(at, at + 4096)) {
      const plain = byte >= 32 && byte < 127 && byte !== 34 && byte !== 92 && byte !== 63;
      line += plain ? String.fromCharCode(byte) : `\\${byte.toString(8).padStart(3, '0')}`;
    }
    lines.push(`    "${line}"`);
  }
  return `absl::string_view(\n${lines.join('\n') || '""'},\n    ${bytes.length})`;
}

if (process.argv[2] !== undefined) {
  const rows = files.map(
    (file) =>
      `    {"${file.name}", "${file.type}", "${file.hash}",\n    ${literal(file.plain)},\n    ${literal(file.gzip)}},`);
  const text = `// Written by services/gateway/web/build.mjs.
#include "services/gateway/pages/bundle.h"

namespace gridledger::gateway {

absl::Span<const BundledFile> Bundle() {
  static constexpr BundledFile kFiles[] = {
${rows.join('\n')}
  };
  return kFiles;
}

}  // namespace gridledger::gateway
`;
  mkdirSync(dirname(process.argv[2]), {recursive: true});
  writeFileSync(process.argv[2], text);
}
